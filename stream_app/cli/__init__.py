"""The command line: one module per group of commands, registered explicitly in `stream_app.__main__`."""
