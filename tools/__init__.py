"""The developer's tools: what is generated from the code (schemas, documents) and how a checkout is set up."""
