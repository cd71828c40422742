"""The heavy part of redaction: the model, its processes, and the engine that the seal stage calls."""
