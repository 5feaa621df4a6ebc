"""The sparse labels the user paints, and the algebra of their edits."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.problem import Problem
from napari_densify.cases.volume import Shape
from napari_densify.cases.weight import CODES, ROUNDS, weight_table

MARK = np.dtype([("label", "u1"), ("round", "u1"), ("wrong", "?")])
"""One voxel of the annotation: label (0 = not annotated, 1 = background, 2… = structures),
the round it was painted in, and whether the prediction shown then was wrong there."""

LAST_LABEL = 254
UNDO_DEPTH = 100


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

    def inverse(self) -> Edit:
        """The edit that takes this one back."""
        return Edit(self.where, self.after, self.before, self.round_after, self.round_before, True)


class Annotation:
    """Label, round and "the shown prediction was wrong here" of every voxel of a volume.

    The present state is a function of the edits applied, so taking an edit back restores
    labels, rounds and therefore weights exactly.

    Parameters
    ----------
    shape : (3,) ints
        The volume's size along z, y, x.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.marks: NDArray[np.void] = np.zeros(shape, MARK)
        self.round = 0
        self.counts = np.zeros((256, ROUNDS, 2), np.int64)
        self.counts[0, 0, 0] = self.marks.size
        self._done: deque[Edit] = deque(maxlen=UNDO_DEPTH)
        self._undone: deque[Edit] = deque(maxlen=UNDO_DEPTH)

    @property
    def labels(self) -> NDArray[np.uint8]:
        """(z, y, x) uint8 labels, a view: 0 = not annotated."""
        return self.marks["label"]

    @property
    def classes(self) -> list[int]:
        """Labels that are annotated somewhere, ascending."""
        return [int(k) for k in np.flatnonzero(self.counts.sum(axis=(1, 2))) if k]

    @property
    def annotated(self) -> int:
        """Number of annotated voxels."""
        return int(self.counts[1:].sum())

    def weight_table(self, strength: float = 1.0) -> NDArray[np.float32]:
        """W by (label, round, wrong) as of now; see `cases.weight`."""
        return weight_table(self.counts, self.round, strength)

    def weights(self, strength: float = 1.0) -> NDArray[np.float32]:
        """(z, y, x) float32 weight w of each voxel."""
        table = self.weight_table(strength)
        weights: NDArray[np.float32] = table[_fields(self.marks)]
        return weights

    def change(
        self,
        where: NDArray[np.int64],
        labels: NDArray[np.uint8] | int,
        *,
        wrong: NDArray[np.bool_] | bool = False,
        new_round: bool = False,
    ) -> Edit | None:
        """Make the edit that gives voxels new labels, without applying it.

        Parameters
        ----------
        where : (n,) int64
            Flat voxel indices; need not be sorted.
        labels : (n,) uint8 or int
            0 erases.
        wrong : (n,) bool or bool
            Whether the prediction shown at the time contradicts the new label.
        new_round : bool
            Whether a prediction was shown since the last edit.

        Returns
        -------
        Edit or None
            None if no voxel's label changes.

        Raises
        ------
        Problem
            If a label is negative or over 254.
        """
        where, new, wrong = _sorted(where, labels, wrong)
        for label in new[(new < 0) | (new > LAST_LABEL)][:1]:
            raise Problem(f"There is no class {label}; classes go from 1 to {LAST_LABEL}.")
        changed = self.labels.ravel()[where] != new
        where, new, wrong = where[changed], new[changed], wrong[changed]
        if not where.size:
            return None
        round_ = min(self.round + new_round, ROUNDS - 1)
        after = np.zeros(where.size, MARK)
        after["label"] = new
        after["round"] = np.where(new > 0, round_, 0)
        after["wrong"] = wrong & (new > 0)
        return Edit(where, self.marks.ravel()[where], after, self.round, round_)

    def apply(self, edit: Edit) -> None:
        """Bring an edit into force and remember it for undo and redo."""
        if edit.undoes and self._done and _same(edit, self._done[-1].inverse()):
            self._undone.append(self._done.pop())
        elif self._undone and _same(edit, self._undone[-1]):
            self._done.append(self._undone.pop())
        else:
            self._done.append(edit)
            self._undone.clear()
        self._count(edit.where, -1)
        self.marks.ravel()[edit.where] = edit.after
        self._count(edit.where, +1)
        self.round = edit.round_after

    def undo(self) -> Edit | None:
        """The edit that takes the last one back, or None if there is none; not applied."""
        return self._done[-1].inverse() if self._done else None

    def redo(self) -> Edit | None:
        """The edit that brings the last undone one back, or None; not applied."""
        return self._undone[-1] if self._undone else None

    def echo(self, labels: NDArray[np.uint8]) -> list[Edit]:
        """The undos or redos that somebody else's (z, y, x) labels show; not applied.

        napari's undo and redo announce nothing; only their effect on the layer shows. Taking them
        for what they are brings rounds and weights back too, which plain repainting would not.
        Several that touch the same voxels come together; ask again for others once these are
        applied.
        """
        flat, mine = labels.reshape(-1), self.labels.reshape(-1)
        back = (edit.inverse() for edit in reversed(self._done))
        for chain in (back, reversed(self._undone)):
            where, then = np.empty(0, np.int64), np.empty(0, np.uint8)
            steps: list[Edit] = []
            for edit in chain:
                if not steps and np.array_equal(flat[edit.where], mine[edit.where]):
                    break  # whatever happened, it did not begin with this one
                seen, where = where, np.union1d(where, edit.where)
                then = _carry(seen, then, where, mine)
                then[np.searchsorted(where, edit.where)] = edit.after["label"]
                steps.append(edit)
                if np.array_equal(flat[where], then):
                    return steps
        return []

    def everything(self) -> Edit:
        """One edit that brings an empty annotation to this state."""
        where = np.flatnonzero(self.labels)
        marks = self.marks.ravel()[where]
        return Edit(where, np.zeros_like(marks), marks, 0, self.round)

    def _count(self, where: NDArray[np.int64], sign: int) -> None:
        code = np.ravel_multi_index(_fields(self.marks.ravel()[where]), self.counts.shape)
        self.counts += sign * np.bincount(code, minlength=CODES).reshape(self.counts.shape)


def check_labels(labels: NDArray[np.generic], shape: Shape, name: str) -> NDArray[np.uint8]:
    """Labels read from elsewhere as uint8, or a sentence why they cannot be.

    Raises
    ------
    Problem
        If the shape differs from the image's, a value is no whole number, negative or over 254.
    """
    if labels.shape != shape:
        have, want = (" × ".join(map(str, s)) for s in (labels.shape, shape))
        raise Problem(f"“{name}” is {have} voxels but the image is {want}; use labels on its grid.")
    whole = labels.dtype.kind in "biu"
    if labels.dtype.kind == "f":
        whole = bool(np.isfinite(labels).all()) and np.array_equal(labels, np.floor(labels))
    if not whole:
        raise Problem(f"“{name}” holds values that are no whole numbers; choose a label image.")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > LAST_LABEL:
        bad = low if low < 0 else high
        raise Problem(f"“{name}” holds class {bad}; classes go from 0 to {LAST_LABEL}.")
    return labels.astype(np.uint8)


def _fields(marks: NDArray[np.void]) -> tuple[NDArray[np.intp], ...]:
    return tuple(marks[name].astype(np.intp) for name in ("label", "round", "wrong"))


def _sorted(
    where: NDArray[np.int64],
    labels: NDArray[np.uint8] | int,
    wrong: NDArray[np.bool_] | bool,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    where = np.asarray(where, np.int64).ravel()
    new = np.broadcast_to(np.asarray(labels, np.int64), where.shape)
    flags = np.broadcast_to(np.asarray(wrong, bool), where.shape)
    where, first = np.unique(where, return_index=True)
    return where, new[first], flags[first]


def _carry(
    seen: NDArray[np.int64],
    then: NDArray[np.uint8],
    where: NDArray[np.int64],
    mine: NDArray[np.uint8],
) -> NDArray[np.uint8]:
    """Labels `then` of the voxels `seen`, and the present ones of the others in `where`."""
    labels = mine[where]
    labels[np.searchsorted(where, seen)] = then
    return labels


def _same(one: Edit, other: Edit) -> bool:
    return (
        one.round_after == other.round_after
        and np.array_equal(one.where, other.where)
        and np.array_equal(one.after, other.after)
    )
