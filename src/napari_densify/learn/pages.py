"""Large arrays that take memory where they are touched, and can give their first slices back."""

from __future__ import annotations

import math
import mmap
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

RESERVE_NOTHING = 0x4000 if sys.platform == "linux" else 0
"""Linux's MAP_NORESERVE, which Python's mmap does not name: else more than the machine's memory is
refused, however little of it will be touched."""


class Pages:
    """An array of zeros in pages of its own.

    Parameters
    ----------
    shape : ints
    dtype : type of number

    Attributes
    ----------
    array : array
        Its slices are the first axis.
    """

    def __init__(self, shape: Sequence[int], dtype: DTypeLike) -> None:
        count, kind = math.prod(shape), np.dtype(dtype)
        self._slice = math.prod(shape[1:]) * kind.itemsize
        size = max(count * kind.itemsize, 1)
        if hasattr(mmap, "MAP_ANONYMOUS"):
            flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | RESERVE_NOTHING
            self._pages = mmap.mmap(-1, size, flags=flags)
        else:
            self._pages = mmap.mmap(-1, size)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            self._pages.madvise(mmap.MADV_HUGEPAGE)  # as numpy does
        self.array: NDArray[Any] = np.frombuffer(self._pages, kind, count).reshape(shape)

    def give_back(self, stop: int) -> None:
        """Give the memory of the slices before `stop` back; they are zeros then, or as they were.

        Where the system has no way to do that (Windows), nothing happens.
        """
        end = stop * self._slice // mmap.PAGESIZE * mmap.PAGESIZE
        if end > 0 and hasattr(mmap, "MADV_DONTNEED"):
            self._pages.madvise(mmap.MADV_DONTNEED, 0, end)
