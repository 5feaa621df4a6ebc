"""A simulated user: paints slices from a truth, then corrects the worst slice, round by round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.plane import Plane
from napari_densify.cases.problem import Problem


@dataclass(frozen=True, eq=False)
class Stroke:
    """One label painted on some pixels of a plane: what a person's brush does."""

    plane: Plane
    mask: NDArray[np.bool_]
    label: int


class Robot:
    """Knows the truth and paints it, a slice at a time.

    Parameters
    ----------
    truth : (z, y, x) ints
        0 = background, 1… = structures; painted as annotation labels, one higher.
    """

    def __init__(self, truth: NDArray[np.uint8]) -> None:
        if not truth.any():
            raise Problem("The truth holds no structure; choose labels with at least one class.")
        self.truth = (truth + 1).astype(np.uint8)
        self.classes = [int(k) for k in np.unique(self.truth)]
        if len(self.classes) < 2:
            raise Problem(
                "The truth is one structure everywhere; choose labels with background, or with two "
                "classes."
            )

    def planes(self, count: int) -> list[Plane]:
        """Orthogonal planes to begin with, cycling z, y, x.

        The first three go through the centre of the structures, or where that is between them
        through as much of them as there is in one slice; the next ones divide what is left of the
        structures' extent evenly.

        Raises
        ------
        Problem
            If nothing can be learned from them, as they hold one class only.
        """
        inside = np.argwhere(self.truth > 1)
        centre = inside.mean(axis=0).round().astype(int)
        taken: list[Plane] = []
        for i in range(count):
            axis, turn = i % 3, i // 3
            met = np.bincount(inside[:, axis])
            position = int(centre[axis]) if met[centre[axis]] else int(met.argmax())
            if turn:
                used = [p.position for p in taken if p.axis == axis]
                free = np.flatnonzero(met)
                gap = np.abs(free[:, None] - [free[0] - 1, free[-1] + 1, *used]).min(axis=1)
                position = int(free[gap.argmax()])
            taken.append(Plane(axis, position))
        if len({int(k) for plane in taken for k in np.unique(plane.take(self.truth))}) < 2:
            raise Problem(
                "The first slices hold one class only, so nothing can be learned from them; let "
                "more slices be painted at first."
            )
        return taken

    def paint(self, plane: Plane) -> Iterator[Stroke]:
        """The whole slice, one stroke for each class."""
        truth = plane.take(self.truth)
        for label in np.unique(truth):
            yield Stroke(plane, truth == label, int(label))

    def worst(self, prediction: NDArray[np.uint8]) -> Plane:
        """The slice, of all three orientations, with the most wrong voxels."""
        wrong = prediction != self.truth
        counts = {
            axis: wrong.sum(axis=tuple(a for a in range(3) if a != axis)) for axis in range(3)
        }
        axis = max(counts, key=lambda a: int(counts[a].max()))
        return Plane(axis, int(counts[axis].argmax()))

    def correct(self, prediction: NDArray[np.uint8], plane: Plane) -> Iterator[Stroke]:
        """Strokes over the regions of a slice where the prediction is wrong, and only there."""
        truth, shown = plane.take(self.truth), plane.take(prediction)
        for label in np.unique(truth[truth != shown]):
            yield Stroke(plane, (truth == label) & (truth != shown), int(label))
