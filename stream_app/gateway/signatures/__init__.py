"""Whether a webhook comes from whom it says: one file a provider, on the raw bytes, before anything is parsed."""
