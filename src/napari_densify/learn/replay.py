"""Which case is learned from next: the present one, and others that are replayed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.edit import Edit
from napari_densify.cases.weight import weight_table
from napari_densify.learn.case import Case

PRESENT = 0.5
"""Most of the steps, and of the draws of the guess's trees, that go to the present case when there
are others. It gets as many as it is painted, compared with the others' mean: half of the steps on a
few corrected voxels and nothing else unlearn the rest. Three hippocampi of three slices, then 167
corrected voxels in a fourth: Dice there .725 before, .801 with the guess refitted, .811 after 60
steps shared out like this, and .599 after 60 of which half went there."""


class TrainingCases:
    """All cases that are learned from; divides it among them by how much is painted in each.

    Parameters
    ----------
    present : Case
        The one that is looked at.
    seed : int

    Attributes
    ----------
    others : list of Case
        What is replayed.
    elsewhere : list of ints
        How many voxels are annotated in each of the cases that are not at hand to be replayed, but
        that were learned from.
    """

    def __init__(self, present: Case, seed: int) -> None:
        self.present = present
        self.others: list[Case] = []
        self.elsewhere: list[int] = []
        self._random = np.random.default_rng(seed)

    def __iter__(self) -> Iterator[Case]:
        """The present one, and behind it the others."""
        yield self.present
        yield from self.others

    def __len__(self) -> int:
        return 1 + len(self.others)

    @property
    def painted(self) -> list[Case]:
        """Those in which there is something to learn from."""
        return [case for case in self if case.painted.annotated]

    @property
    def classes(self) -> set[int]:
        """Labels that are annotated anywhere."""
        return set().union(*(case.painted.classes for case in self))

    @property
    def checksum(self) -> int:
        """Of the extent of what is annotated: tells whether a state has seen all of it."""
        return zlib.crc32(self._counts.sum(axis=(1, 2)).tobytes())

    def weigh(self, strength: float) -> None:
        """Class balance is that of all cases; the present one's rounds say what is fresh."""
        table = weight_table(self._counts, self.present.annotation.round, strength)
        for case in self:
            case.supervision.weigh(table)

    def repaint(self, painted: Sequence[Edit]) -> bool:
        """Bring what is annotated in the others to another state; whether that changes any."""
        edits = [
            (case, case.painted.turn_into(now.where, long_ago(now).after))
            for case, now in zip(self.others, painted, strict=True)
        ]
        for case, edit in edits:
            if edit is not None:
                case.apply(edit)
        return any(edit is not None for _, edit in edits)

    def share(self) -> float:
        """What the present case has of all that is learned, see `PRESENT`."""
        here = self.present.painted.annotated
        others = [case.painted.annotated for case in self._painted_others]
        others += [annotated for annotated in self.elsewhere if annotated]
        if not others:
            return PRESENT if here else 0.0
        return min(PRESENT, here / (here + float(np.mean(others))))

    def alone(self) -> float:
        """1 where the present case is painted at least as much as the others, 0 where it is not."""
        return self.share() / PRESENT

    def next(self) -> Case:
        """The case that the next step learns from."""
        others = self._painted_others
        if others and self._random.random() >= self.share():
            return others[int(self._random.integers(len(others)))]
        return self.present

    @property
    def _painted_others(self) -> list[Case]:
        return [case for case in self.others if case.painted.annotated]

    @property
    def _counts(self) -> NDArray[np.int64]:
        """Marks in all cases, see `Annotation.counts`."""
        counts: NDArray[np.int64] = np.sum([case.annotation.counts for case in self], axis=0)
        return counts


def long_ago(painted: Edit) -> Edit:
    """What is annotated in another case, as painted in round 0.

    Whatever was corrected then, the network has learned since; that it was corrected still decides
    which guess the network sees there, see `learn.patches`.
    """
    marks = painted.after.copy()
    marks["round"] = 0
    return replace(painted, after=marks, round_after=0)
