"""What we rely on in the libraries, pinned."""
