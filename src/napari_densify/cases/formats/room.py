"""Whether a file can hold what its header says, asked before any memory is taken for it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import psutil

from napari_densify.cases.problem import Problem

DENSEST = 1032
"""Bytes that one of a deflate stream (gzip, PNG, TIFF, NRRD) can stand for at most."""


def check_room(
    name: str, shape: Iterable[int], itemsize: int, stored: int, packed: bool = True
) -> None:
    """Refuse a header that promises more than there is.

    Parameters
    ----------
    name : str
        The file's.
    shape : ints
        Of the array as it will be in memory, channels and all.
    itemsize : int
        Bytes of one of its numbers.
    stored : int
        Bytes on the disk.
    packed : bool
        Whether they may be compressed.

    Raises
    ------
    EOFError
        If so few bytes cannot hold it: the file is cut short or its header is wrong.
    Problem
        If the image is larger than this machine's memory.
    """
    needed = math.prod(shape) * itemsize
    if needed > stored * (DENSEST if packed else 1):
        raise EOFError(f"{needed} bytes in {stored}")
    memory = psutil.virtual_memory().total
    if needed > memory:
        raise Problem(
            f"“{name}” takes {needed / 1e9:,.1f} GB and this machine has {memory / 1e9:,.1f}; cut "
            "it or make it coarser first."
        )


def bytes_in(folder: Path) -> int:
    """Bytes of all files directly in a folder."""
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
