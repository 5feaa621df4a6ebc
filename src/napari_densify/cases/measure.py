"""How large the segmented structures are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SLAB = 2**24
"""Voxels that are counted at a time: counting takes eight bytes for each."""
PIECES_UP_TO = 2**26
"""Voxels around a class in which its pieces are told apart: that takes four bytes for each."""


@dataclass(frozen=True)
class Measure:
    """The size of a class.

    Attributes
    ----------
    label : int
    voxels : int
    largest : int or None
        Voxels of its largest connected piece (by faces); None where the class spreads too far to
        look for pieces.
    """

    label: int
    voxels: int
    largest: int | None


def measure(labels: NDArray[np.uint8], classes: Sequence[int]) -> list[Measure]:
    """Measure classes in a segmentation.

    Parameters
    ----------
    labels : (z, y, x) uint8
    classes : sequence of ints
        Labels above 0.

    Returns
    -------
    list of Measure
        In the order of `classes`.
    """
    counts = count(labels)
    return [Measure(k, int(counts[k]), _largest(labels, k, int(counts[k]))) for k in classes]


def count(labels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(256,) how many voxels there are of each label."""
    flat = labels.reshape(-1)
    counts = np.zeros(256, np.int64)
    for start in range(0, flat.size, SLAB):
        counts += np.bincount(flat[start : start + SLAB], minlength=256)
    return counts


def _largest(labels: NDArray[np.uint8], label: int, voxels: int) -> int | None:
    if not voxels:
        return 0
    inside = labels == label
    box = ndimage.find_objects(inside.view(np.uint8))[0]
    if inside[box].size > PIECES_UP_TO:
        return None
    pieces, _ = ndimage.label(inside[box])
    return int(np.bincount(pieces.reshape(-1))[1:].max())
