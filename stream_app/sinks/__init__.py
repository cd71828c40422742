"""Where finished things go, one file a destination; each states its delivery guarantee."""
