"""HTTP in: webhooks verified and turned into events."""
