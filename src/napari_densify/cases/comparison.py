"""An annotation compared with somebody else's labels, for instance a napari layer's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box
from napari_densify.cases.edit import Edit, union

SLAB = 32
"""Slices that are compared at a time with somebody else's labels."""


def difference(annotation: Annotation, labels: NDArray[np.uint8]) -> Box | None:
    """The smallest box of slices where somebody else's (z, y, x) labels differ."""
    depth, height, width = annotation.shape
    slices: list[int] = []
    for start in range(0, depth, SLAB):
        slab = Box((start, 0, 0), (min(start + SLAB, depth), height, width))
        differs = (labels[slab.slices] != annotation.read(slab)["label"]).any(axis=(1, 2))
        slices += [start + int(z) for z in np.flatnonzero(differs)]
    return Box((slices[0], 0, 0), (slices[-1] + 1, height, width)) if slices else None


def echoes(annotation: Annotation, labels: NDArray[np.uint8]) -> list[Edit]:
    """The undos or redos that somebody else's (z, y, x) labels show; not applied.

    napari's undo and redo announce nothing; only their effect on the layer shows. Taking them
    for what they are brings rounds and weights back too, which plain repainting would not.
    Several that touch the same voxels come together; ask again for others once these are
    applied.
    """
    flat = labels.reshape(-1)
    back = [edit.inverse() for edit in reversed(annotation.done)]
    for chain in (back, list(reversed(annotation.undone))):
        where, then = np.empty(0, np.int64), np.empty(0, np.uint8)
        steps: list[Edit] = []
        for number, edit in enumerate(chain, start=1):
            if not steps and np.array_equal(flat[edit.where], annotation.at(edit.where)["label"]):
                break  # whatever happened, it did not begin with this one
            seen, where = where, union(where, edit.where)
            then = _carry(seen, then, where, annotation.at(where)["label"])
            then[np.searchsorted(where, edit.where)] = edit.after["label"]
            steps.append(edit)
            differs = where[flat[where] != then]
            if not differs.size:
                return steps
            if not _explained(differs[:: differs.size // 64 + 1], chain[number:]):
                break  # a new stroke lies there: with many more edits it would take seconds
    return []


def _explained(voxels: NDArray[np.int64], edits: list[Edit]) -> bool:
    """Whether each of some voxels is touched by one of the edits still to come."""
    for edit in edits:
        voxels = voxels[~edit.touches(voxels)]
    return not voxels.size


def _carry(
    seen: NDArray[np.int64],
    then: NDArray[np.uint8],
    where: NDArray[np.int64],
    mine: NDArray[np.uint8],
) -> NDArray[np.uint8]:
    """Labels `then` of the voxels `seen`, and the present ones, `mine`, of the rest of `where`."""
    labels = mine.copy()
    labels[np.searchsorted(where, seen)] = then
    return labels
