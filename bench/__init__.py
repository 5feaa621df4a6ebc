"""Measurements of what the README promises: `make bench`, or `python -m bench --help`."""
