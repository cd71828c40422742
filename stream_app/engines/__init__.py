"""Heavy libraries behind ports (recognisers, secret scanners, signing)."""
