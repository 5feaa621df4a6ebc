"""A 3-D array that takes memory only where something was written."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_densify.cases.box import Box
from napari_densify.cases.volume import Shape

SIDE = 16
"""Side of a block. A painted slice of a 2048³ volume, the dearest thing that people do, takes
200 MB of three-byte marks in blocks of 16³, 400 MB in blocks of 32³, and 26 GB without blocks."""
_BITS = SIDE.bit_length() - 1


class Blocks:
    """A sparse (z, y, x) array of zeros until something else is written.

    Parameters
    ----------
    shape : (3,) ints
        Size along z, y, x.
    dtype : dtype
        Structured ones too; an element of zero bytes is what was never written.
    """

    def __init__(self, shape: Shape, dtype: DTypeLike) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._grid = tuple(-(-n // SIDE) for n in shape)
        # Row 0 stays zero and stands for all blocks that were never written.
        self._row = np.zeros(self._grid, np.int32)
        self._rows = np.zeros((1, SIDE**3), self.dtype)
        self._used = 1

    def get(self, where: NDArray[np.int64]) -> NDArray[np.generic]:
        """(n,) values at flat voxel indices (C order), a copy."""
        block, inside = self._split(where)
        values: NDArray[np.generic] = self._rows[self._row.reshape(-1)[block], inside]
        return values

    def put(self, where: NDArray[np.int64], values: NDArray[np.generic] | int) -> None:
        """Write (n,) values at flat voxel indices (C order), each given once."""
        block, inside = self._split(where)
        rows = self._row.reshape(-1)
        new = np.unique(block[rows[block] == 0])
        if new.size:
            self._make_room(new.size)
            rows[new] = np.arange(self._used, self._used + new.size)
            self._used += new.size
        self._rows[rows[block], inside] = values

    def read(self, box: Box) -> NDArray[np.generic]:
        """The (z, y, x) values in a box, a copy."""
        values = np.zeros(box.shape, self.dtype)
        for part in self._occupied(box):
            seen = part.meet(box)
            row = self._rows[self._row[self._cell(part)]].reshape((SIDE,) * 3)
            values[seen.shift(box.start).slices] = row[seen.shift(part.start).slices]
        return values

    def nonzero(self, field: str) -> NDArray[np.int64]:
        """Sorted flat indices of the voxels whose `field` is not 0."""
        found = []
        for part in self._occupied(Box((0, 0, 0), self.shape)):
            row = self._rows[self._row[self._cell(part)]][field].reshape((SIDE,) * 3)
            local = np.stack(np.nonzero(row)) + np.array(part.start)[:, None]
            found.append(np.ravel_multi_index(tuple(local), self.shape))
        return np.sort(np.concatenate(found)) if found else np.empty(0, np.int64)

    def _occupied(self, box: Box) -> Iterator[Box]:
        """The written blocks that a box touches."""
        low = [a // SIDE for a in box.start]
        cells = tuple(slice(a, -(-b // SIDE)) for a, b in zip(low, box.stop, strict=True))
        for cell in np.argwhere(self._row[cells]) + low:
            a, b, c = (int(n) * SIDE for n in cell)
            yield Box((a, b, c), (a + SIDE, b + SIDE, c + SIDE))

    def _cell(self, block: Box) -> tuple[int, ...]:
        return tuple(a // SIDE for a in block.start)

    def _split(self, where: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Flat index of the block, and of the voxel inside it."""
        z, y, x = np.unravel_index(where, self.shape)
        _, by, bx = self._grid
        block = ((z >> _BITS) * by + (y >> _BITS)) * bx + (x >> _BITS)
        last = SIDE - 1
        return block, (((z & last) << _BITS | (y & last)) << _BITS) | (x & last)

    def _make_room(self, more: int) -> None:
        need, have = self._used + more, len(self._rows)
        if need > have:
            rows = np.zeros((max(need, 2 * have), SIDE**3), self.dtype)
            rows[: self._used] = self._rows[: self._used]
            self._rows = rows
