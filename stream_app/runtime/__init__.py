"""Faust and Kafka, and nothing else knows them: stages become Faust agents, tables, lanes."""
