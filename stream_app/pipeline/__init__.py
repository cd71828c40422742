"""STAGES: framework-free, one class each with one `handle`: intake -> identity -> join -> seal."""
