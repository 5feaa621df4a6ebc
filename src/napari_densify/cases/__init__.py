"""Volumes, annotations and files: numpy, zarr and SimpleITK; no torch, no Qt."""
