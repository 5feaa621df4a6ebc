"""Which part of the annotation is held out together.

A guess that has seen a slice knows the answer there; what a network learns from such a guess does
not hold elsewhere. So the guess that it sees on a slice is one that was fitted without it
(stacked generalisation: Wolpert 1992, doi.org/10.1016/S0893-6080(05)80023-1). Held out are whole
planes, not voxels: the neighbour of a voxel tells its label.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.box import Box

FOLDS = 3
"""Parts of the annotation. Three slices are what people begin with; more folds take more time."""
PLANES = 48
"""Planes that are told apart; what lies on none of them is held out by blocks."""
LEAST = 0.01
"""Share of the annotation that a plane must hold to count as one."""
BLOCK = 16
"""Side of the blocks in which everything else is held out."""


class Folds:
    """Divides a volume's annotated voxels into parts, by the planes they were painted on.

    A pure function of where is annotated: the order in which it was painted does not matter, nor
    whether it was read from a file.

    Parameters
    ----------
    where : (n,) int64
        Flat indices (C order) of the annotated voxels.
    shape : (3,) ints

    Attributes
    ----------
    slices : int
        On how many planes it was painted, whether or not they are held out.
    """

    def __init__(self, where: NDArray[np.int64], shape: Sequence[int]) -> None:
        self.shape = tuple(shape)
        self.planes: list[tuple[int, int, int]] = []
        """Axis, position and fold; a voxel on several of them belongs to the first one."""
        left = np.stack(np.unravel_index(where, self.shape))
        size = [0] * FOLDS
        while left.size and len(self.planes) < PLANES:
            counts = [np.bincount(along, minlength=1) for along in left]
            axis = int(np.argmax([c.max() for c in counts]))
            position = int(counts[axis].argmax())
            held = int(counts[axis][position])
            if held < LEAST * where.size:
                break
            fold = int(np.argmin(size))
            size[fold] += held
            self.planes.append((axis, position, fold))
            left = left[:, left[axis] != position]
        self.slices = len(self.planes)

    def by_block(self) -> Folds:
        """The same without planes: for where a class would be missing without one fold."""
        blocks = Folds(np.empty(0, np.int64), self.shape)
        blocks.slices = self.slices
        return blocks

    def at(self, where: NDArray[np.int64]) -> NDArray[np.uint8]:
        """(n,) fold of voxels at flat indices."""
        return self._of(np.stack(np.unravel_index(where, self.shape)))

    def read(self, box: Box) -> NDArray[np.uint8]:
        """(z, y, x) fold of each voxel in a box."""
        axes = [np.arange(a, b) for a, b in zip(box.start, box.stop, strict=True)]
        return self._of(np.meshgrid(*axes, indexing="ij", sparse=True))

    def _of(self, zyx: Sequence[NDArray[np.int64]] | NDArray[np.int64]) -> NDArray[np.uint8]:
        z, y, x = zyx
        fold = ((z // BLOCK + y // BLOCK + x // BLOCK) % FOLDS).astype(np.uint8)
        for axis, position, held_with in reversed(self.planes):
            fold = np.where(zyx[axis] == position, np.uint8(held_with), fold)
        return fold
