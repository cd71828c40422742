"""Call Evidence Stream: joins what a voice-agent call leaves in many systems into one verifiable packet."""

__version__ = "0.1.0"
