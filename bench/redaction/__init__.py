"""Measures redaction: span recall and precision on labelled turns, the leak gate, and CPU time."""
