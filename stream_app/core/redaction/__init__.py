"""The rules of redaction, pure: what is personal in a call's turns, what leaks, and what a tool's payload may show."""
