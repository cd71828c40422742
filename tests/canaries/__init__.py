"""Values that are planted in everything that comes in, and a scan of everything that is kept or goes out."""
