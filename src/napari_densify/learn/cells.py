"""Which parts of a volume are known: a flag for each cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.box import Box

Slices = tuple[slice, slice, slice]


class Cells:
    """Flags for cells of `side`³ voxels, the last ones along an axis perhaps smaller.

    Parameters
    ----------
    shape : (3,) ints
        The volume's.
    side : int

    Attributes
    ----------
    flags : bool array
        A flag for each cell; none is set at first.
    """

    def __init__(self, shape: Sequence[int], side: int) -> None:
        self.shape, self.side = tuple(shape), side
        self.flags = np.zeros([-(-n // side) for n in shape], bool)

    def touched(self, box: Box) -> Slices:
        """Where in `flags` the cells are that a box touches."""
        ends = zip(box.start, box.stop, strict=True)
        z, y, x = (slice(a // self.side, -(-b // self.side)) for a, b in ends)
        return z, y, x

    def covered(self, box: Box) -> Slices:
        """Where in `flags` the cells are that lie in a box as a whole."""
        ends = zip(box.start, box.stop, self.shape, strict=True)
        z, y, x = (
            slice(-(-a // self.side), -(-b // self.side) if b == n else b // self.side)
            for a, b, n in ends
        )
        return z, y, x

    def of(self, where: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
        """Where in `flags` the cells are that voxels at flat indices (C order) lie in."""
        return tuple(along // self.side for along in np.unravel_index(where, self.shape))

    def unknown(self, asked: Slices | tuple[NDArray[np.int64], ...]) -> NDArray[np.bool_]:
        """Of all cells, those that are asked for and not known."""
        chosen = np.zeros_like(self.flags)
        chosen[asked] = True
        return chosen & ~self.flags

    def forget(self, stop: int) -> int:
        """Unset the flags of the cells before slice `stop`; the slice at which those end."""
        rows = max(stop, 0) // self.side
        self.flags[:rows] = False
        return rows * self.side
