"""Where the network contradicts what was painted: slips of the hand show up there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box

TOUCHING = 1.8
"""Voxels nearer than this, by faces, edges or corners, belong to one place."""


@dataclass(frozen=True)
class Place:
    """Voxels that hang together, painted as one class and predicted as another.

    Attributes
    ----------
    at : (3,) ints
        One of them, near their middle (zyx).
    voxels : int
    painted, predicted : int
        Labels.
    """

    at: tuple[int, int, int]
    voxels: int
    painted: int
    predicted: int


class Disagreements:
    """Remembers what was predicted where it contradicts the annotation.

    Parameters
    ----------
    annotation : Annotation
        What was painted; asked again when places are listed, so that mended ones are gone.
    """

    def __init__(self, annotation: Annotation) -> None:
        self._annotation = annotation
        # One attribute, for they are listed in another thread than they are noted in.
        self._found = np.empty(0, np.int64), np.empty(0, np.uint8)

    def note(self, box: Box, painted: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> None:
        """Take over a predicted block.

        Parameters
        ----------
        box : Box
        painted, predicted : (z, y, x) uint8
            Labels in the box; 0 where nothing is painted or predicted.
        """
        where, earlier = self._found
        zyx = np.stack(np.unravel_index(where, self._annotation.shape), axis=1)
        outside = ((zyx < box.start) | (zyx >= box.stop)).any(axis=1)
        differ = np.argwhere((painted > 0) & (predicted > 0) & (painted != predicted))
        there = tuple((differ + box.start).T)
        new = np.ravel_multi_index(there, self._annotation.shape)
        now = predicted[tuple(differ.T)]
        self._found = (
            np.concatenate([where[outside], new]),
            np.concatenate([earlier[outside], now]),
        )

    def fold(self, label: int, into: int) -> None:
        """What was predicted as a class that is gone counts as another one; 0: as nothing."""
        where, predicted = self._found
        predicted = np.where(predicted == label, np.uint8(into), predicted)
        self._found = where[predicted > 0], predicted[predicted > 0]

    def forget(self) -> None:
        """Nothing is predicted any more."""
        where, predicted = self._found
        self._found = where[:0], predicted[:0]

    def places(self, count: int) -> list[Place]:
        """The largest places, at most `count`."""
        where, predicted = self._found
        painted = self._annotation.at(where)["label"]
        still = (painted > 0) & (painted != predicted)
        where, predicted, painted = where[still], predicted[still], painted[still]
        if not where.size:
            return []
        zyx = np.stack(np.unravel_index(where, self._annotation.shape), axis=1)
        pieces = _pieces(zyx, painted.astype(np.int64) * 256 + predicted)
        sizes = np.bincount(pieces)
        found = []
        for piece in np.argsort(-sizes, kind="stable")[:count]:
            inside = np.flatnonzero(pieces == piece)
            middle = zyx[inside].mean(axis=0)
            nearest = inside[((zyx[inside] - middle) ** 2).sum(axis=1).argmin()]
            z, y, x = (int(i) for i in zyx[nearest])
            labels = int(painted[nearest]), int(predicted[nearest])
            found.append(Place((z, y, x), int(sizes[piece]), *labels))
        return found


def _pieces(zyx: NDArray[np.int64], kind: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the piece of each voxel; those of a piece touch and are of one kind."""
    one, other = cKDTree(zyx).query_pairs(TOUCHING, output_type="ndarray").T
    alike = kind[one] == kind[other]
    links = np.ones(int(alike.sum()), bool), (one[alike], other[alike])
    _, pieces = connected_components(coo_array(links, shape=(len(zyx), len(zyx))), directed=False)
    numbers: NDArray[np.int64] = pieces.astype(np.int64)
    return numbers
