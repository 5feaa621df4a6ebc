"""What one user action changes: the marks of some voxels, before and after."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.box import Box
from napari_densify.cases.plane import Plane
from napari_densify.cases.volume import Shape

MARK = np.dtype([("label", "u1"), ("round", "u1"), ("wrong", "?")])
"""One voxel of the annotation: label (0 = not annotated, 1 = background, 2… = structures),
the round it was painted in (`ACCEPTED` if it was accepted as predicted), and whether the
prediction shown then was wrong there."""


@dataclass(frozen=True, eq=False)
class Edit:
    """What one user action changed.

    Attributes
    ----------
    where : (n,) int64
        Flat voxel indices (C order), sorted, each once.
    before, after : (n,) of `MARK`
        The voxels' marks before and after.
    round_before, round_after : int
        The annotation's round before and after.
    undoes : bool
        Whether it takes another edit back; erasing a fresh stroke changes the same voxels to
        the same labels, but is a new edit that can itself be undone.
    """

    where: NDArray[np.int64]
    before: NDArray[np.void]
    after: NDArray[np.void]
    round_before: int
    round_after: int
    undoes: bool = False
    _boxes: dict[Shape, Box] = field(default_factory=dict, init=False, repr=False)
    """What `box` has found: several ask for it, and of millions of voxels it takes a while."""

    def inverse(self) -> Edit:
        """The edit that takes this one back."""
        return Edit(self.where, self.after, self.before, self.round_after, self.round_before, True)

    def touches(self, voxels: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of some flat voxel indices it changes."""
        if not self.where.size:
            return np.zeros(voxels.shape, bool)
        at = np.minimum(np.searchsorted(self.where, voxels), self.where.size - 1)
        found: NDArray[np.bool_] = self.where[at] == voxels
        return found

    def box(self, shape: Shape) -> Box:
        """The smallest box around it in a volume of that shape."""
        if shape not in self._boxes:
            zyx = np.unravel_index(self.where, shape)
            (a, b, c), (d, e, f) = ((int(x.min()) for x in zyx), (int(x.max()) + 1 for x in zyx))
            self._boxes[shape] = Box((a, b, c), (d, e, f))
        return self._boxes[shape]

    def plane(self, shape: Shape) -> Plane | None:
        """The plane it was painted on; None if it is not flat along just one axis."""
        box = self.box(shape)
        flat = [axis for axis, n in enumerate(box.shape) if n == 1]
        return Plane(flat[0], box.start[flat[0]]) if len(flat) == 1 else None


def union(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """The voxels of two sets of flat indices, sorted, each once."""
    return each_once(np.concatenate([one, other]))


def each_once(where: NDArray[np.int64]) -> NDArray[np.int64]:
    """Flat indices, sorted, each once.

    A stable sort merges sorted runs in a fraction of a second; `np.unique` and `np.union1d` look
    indices up by hash, which takes a second for a million, and minutes for the millions of voxels
    of labels that were imported.
    """
    ordered = np.sort(where, kind="stable")
    new = np.ones(ordered.size, bool)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    return ordered[new]
