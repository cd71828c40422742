"""DECISIONS: no I/O, no clock, no async, no Kafka, no telemetry; the same input always gives the same answer."""
