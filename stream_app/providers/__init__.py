"""How each vendor speaks, one file a vendor: payload in, our events out. Pure."""
