"""The blocks of what the user looks at, and which of them comes first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.box import Box, tiles
from napari_densify.cases.oblique import ObliquePlane
from napari_densify.cases.plane import Plane
from napari_densify.cases.volume import Shape, Triple

SLAB = (8, 64)
"""Thickness and side of the viewed slice's blocks. From a stroke to the block that holds it on the
sample brain 0.81 and 0.75 s (medians of 12), with a side of 128 0.79, 0.86 and 0.96 s."""
FIRST = (32, 64)
"""Least and largest side of the block around the newest stroke, which comes before those. One of 32
takes 0.08 s, one of 64 0.19 s (one thread of a busy machine)."""
CELL = 32
"""Side of the blocks of an oblique plane: larger ones hold more that it does not cross."""


class Viewed:
    """Cuts what is looked at into blocks, and knows how much was learned when each was predicted.

    Parameters
    ----------
    shape : (3,) ints
    spacing : (3,) floats
        Distance between voxels along z, y, x, by which oblique planes lie.

    Attributes
    ----------
    at : dict
        Of each block, the seconds of learning behind its prediction; -inf: there is none.
    first : Box or None
        The block around the newest stroke, until it is predicted; None if that lies elsewhere.
    cost : float
        Seconds that a block takes, smoothed.
    """

    def __init__(self, shape: Shape, spacing: Triple) -> None:
        self._shape, self._spacing = shape, spacing
        self.at: dict[Box, float] = {}
        self.first: Box | None = None
        self.cost = 0.0
        self._slab: Box | None = None
        self._newest: Box | None = None

    @property
    def oldest(self) -> float:
        """Seconds of learning behind the oldest block."""
        return min(self.at.values(), default=np.inf)

    def look(self, plane: Plane | ObliquePlane) -> None:
        """Another slice, or an oblique plane; blocks that it shares with the one before stay."""
        self.first = None
        if isinstance(plane, ObliquePlane):
            self.at = dict.fromkeys(self._crossed(plane), -np.inf)
            # The newest edit may lie elsewhere.
            self._newest = self._slab = None
            return
        thick, side = SLAB
        start, stop = [0, 0, 0], list(self._shape)
        # On the grid of the guess's cells, so that no slab needs more of them than another.
        start[plane.axis] = plane.position // thick * thick
        stop[plane.axis] = min(start[plane.axis] + thick, stop[plane.axis])
        self._slab = _box(start, stop)
        size = [thick if axis == plane.axis else side for axis in range(3)]
        boxes = tiles(self._slab.shape, size)
        shifted = [box.shift([-c for c in start]) for box in boxes]
        self.at = {box: self.at.get(box, -np.inf) for box in shifted}

    def edited(self, where: Box | None) -> None:
        """Something was painted in that box."""
        self._newest, self.first = where, self._around(where)

    def outdate(self, until: float = -np.inf) -> None:
        """Take no block for newer than that."""
        self.at = {box: min(at, until) for box, at in self.at.items()}

    def predicted(self, box: Box, seconds: float, learned: float) -> None:
        """A block is done, in so many seconds, with so much learned."""
        self.cost += (seconds - self.cost) / 4
        if box == self.first:
            self.first = None
        if box in self.at:
            self.at[box] = learned

    def next_of(self, due: Iterable[Box]) -> Box:
        """Which block comes next: near to the newest edit, and old."""
        return min(due, key=self._from_newest)

    def _from_newest(self, box: Box) -> tuple[float, float]:
        if self._newest is None:
            return 0.0, self.at[box]
        gaps = [
            max(a.start - b.stop + 1, b.start - a.stop + 1, 0)
            for a, b in zip(box.slices, self._newest.slices, strict=True)
        ]
        return float(np.linalg.norm(gaps)), self.at[box]

    def _crossed(self, plane: ObliquePlane) -> Iterator[Box]:
        """The blocks that the plane crosses, those nearest to its middle first."""
        spacing = np.array(self._spacing)
        grid = np.meshgrid(*(np.arange(0, n, CELL) for n in self._shape), indexing="ij")
        starts = np.stack([axis.ravel() for axis in grid], axis=1)
        sizes = np.minimum(starts + CELL, self._shape) - starts
        apart = (starts + sizes / 2 - 0.5) * spacing - _middle(plane, self._shape, spacing)
        crossed = np.abs(apart @ plane.normal) <= sizes * spacing / 2 @ np.abs(plane.normal)
        nearest = np.argsort(np.linalg.norm(apart, axis=1), kind="stable")
        return (Box.cut(starts[i], sizes[i], self._shape) for i in nearest if crossed[i])

    def _around(self, edit: Box | None) -> Box | None:
        """The block of the viewed slice around an edit; None if it does not lie there."""
        if edit is None or self._slab is None:
            return None
        start, stop = list(self._slab.start), list(self._slab.stop)
        for axis, (low, high) in enumerate(zip(edit.start, edit.stop, strict=True)):
            if high <= start[axis] or low >= stop[axis]:
                return None
            if stop[axis] - start[axis] > SLAB[0]:
                side = min(max(high - low, FIRST[0]), FIRST[1])
                start[axis] = (low + high - side) // 2
                stop[axis] = start[axis] + side
        return _box(start, stop).meet(self._slab)


def distance(
    plane: Plane | ObliquePlane, boxes: Sequence[Box], shape: Shape, spacing: Triple
) -> NDArray[np.float64]:
    """(n,) how many voxels the middle of each box is away from a plane."""
    middle = np.array([np.add(box.start, box.stop) for box in boxes]) / 2
    if isinstance(plane, Plane):
        return np.abs(middle[:, plane.axis] - plane.position)
    size = np.array(spacing)
    away: NDArray[np.float64] = np.abs(
        ((middle - 0.5) * size - _middle(plane, shape, size)) @ plane.normal
    )
    return away / float(size.mean())


def _middle(plane: ObliquePlane, shape: Shape, spacing: NDArray[np.float64]) -> NDArray[np.float64]:
    """The point of a plane that is nearest to the middle of the volume."""
    middle: NDArray[np.float64] = np.array(shape) // 2 * spacing + plane.offset * plane.normal
    return middle


def _box(start: Sequence[int], stop: Sequence[int]) -> Box:
    z, y, x = zip(start, stop, strict=True)
    return Box((z[0], y[0], x[0]), (z[1], y[1], x[1]))
