"""The network and how it learns: torch. Arrays in, arrays out; no files, no Qt, no dask."""
