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
PAGE = 1024
"""Blocks for which memory is asked at a time. One array that doubles would copy all there is now
and then: a stroke on a much painted 512³ volume took half a second."""
PIECE = 1 << 15
"""Voxels that are looked up at a time: what is computed of them stays in the processor's cache,
which for millions halves the time."""
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
        self._block = np.zeros(PAGE, np.int64)
        """Flat index of the block of each row; the inverse of `_row`."""
        self._pages = [np.zeros((PAGE, SIDE**3), self.dtype)]
        self._used = 1

    def get(self, where: NDArray[np.int64]) -> NDArray[np.generic]:
        """(n,) values at flat voxel indices (C order), a copy."""
        values = np.empty(where.shape, self.dtype)
        for piece in _pieces(where):
            block, inside = self._split(where[piece])
            found = values[piece]
            for page, here, row in self._by_page(self._row.reshape(-1).take(block)):
                found[here] = page.reshape(-1).take(row * SIDE**3 + inside[here])
        return values

    def put(self, where: NDArray[np.int64], values: NDArray[np.generic] | int) -> None:
        """Write (n,) values at flat voxel indices (C order), each given once."""
        rows = self._row.reshape(-1)
        values = np.broadcast_to(values, where.shape)
        for piece in _pieces(where):
            block, inside = self._split(where[piece])
            new = np.unique(block[rows[block] == 0])
            if new.size:
                self._make_room(new)
            written = values[piece]
            for page, here, row in self._by_page(rows[block]):
                page[row, inside[here]] = written[here]

    def read(self, box: Box) -> NDArray[np.generic]:
        """The (z, y, x) values in a box, a copy."""
        values = np.zeros(box.shape, self.dtype)
        for part in self._occupied(box):
            seen = part.meet(box)
            page, row = divmod(int(self._row[self._cell(part)]), PAGE)
            block = self._pages[page][row].reshape((SIDE,) * 3)
            values[seen.shift(box.start).slices] = block[seen.shift(part.start).slices]
        return values

    def nonzero(self, field: str) -> NDArray[np.int64]:
        """Sorted flat indices of the voxels whose `field` is not 0."""
        return np.sort(np.concatenate([where for where, _ in self.written(field)]))

    def equal(self, field: str, value: int) -> NDArray[np.int64]:
        """Sorted flat indices of the voxels whose `field` is that value, which is not 0."""
        found = [self._of_page(n, np.flatnonzero(v == value)) for n, v in self._values(field)]
        return np.sort(np.concatenate(found))

    def written(self, field: str) -> Iterator[tuple[NDArray[np.int64], NDArray[np.generic]]]:
        """Piece by piece, flat indices of the voxels whose `field` is not 0, and what it is."""
        for number, values in self._values(field):
            found = np.flatnonzero(values)
            yield self._of_page(number, found), values[found]

    def _values(self, field: str) -> Iterator[tuple[int, NDArray[np.generic]]]:
        """Number and values of each page."""
        for number, page in enumerate(self._pages):
            yield number, np.ascontiguousarray(page[field]).reshape(-1)

    def _of_page(self, number: int, found: NDArray[np.intp]) -> NDArray[np.int64]:
        """Flat voxel indices of values of a page."""
        row, inside = divmod(found, SIDE**3)
        return self._join(self._block[number * PAGE + row], inside)

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
        _, height, width = self.shape
        _, by, bx = self._grid
        row = where // width
        z, x = row // height, where - row * width
        y = row - z * height
        block = ((z >> _BITS) * by + (y >> _BITS)) * bx + (x >> _BITS)
        last = SIDE - 1
        return block, (((z & last) << _BITS | (y & last)) << _BITS) | (x & last)

    def _join(self, block: NDArray[np.int64], inside: NDArray[np.int64]) -> NDArray[np.int64]:
        """Flat voxel indices; the inverse of `_split`."""
        corner = np.unravel_index(block, self._grid)
        local = np.unravel_index(inside, (SIDE,) * 3)
        zyx = [(a << _BITS) + b for a, b in zip(corner, local, strict=True)]
        return np.ravel_multi_index(zyx, self.shape).astype(np.int64)

    def _by_page(
        self, rows: NDArray[np.int32]
    ) -> Iterator[tuple[NDArray[np.generic], NDArray[np.intp] | slice, NDArray[np.int32]]]:
        """The pages that hold these rows; for each, which of the rows, and where in the page."""
        if rows.max(initial=0) < PAGE:  # mostly, and quicker
            yield self._pages[0], slice(None), rows
            return
        number, row = divmod(rows, PAGE)
        for page in np.unique(number):
            here = np.flatnonzero(number == page)
            yield self._pages[page], here, row[here]

    def _make_room(self, blocks: NDArray[np.int64]) -> None:
        """Give rows to blocks that have none."""
        rows = np.arange(self._used, self._used + blocks.size)
        self._used += blocks.size
        while self._used > len(self._pages) * PAGE:
            self._pages.append(np.zeros((PAGE, SIDE**3), self.dtype))
            self._block = np.concatenate([self._block, np.zeros(PAGE, np.int64)])
        self._row.reshape(-1)[blocks] = rows
        self._block[rows] = blocks


def _pieces(where: NDArray[np.int64]) -> Iterator[slice]:
    """Parts of flat voxel indices that are looked up at a time."""
    return (slice(start, start + PIECE) for start in range(0, where.size, PIECE))
