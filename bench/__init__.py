"""The only place that measures speed: our stages beside other ways to do the same work, on one broker, in one run."""
