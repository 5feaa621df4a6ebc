"""The sparse labels the user paints, and the algebra of their edits."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.blocks import Blocks
from napari_densify.cases.box import Box
from napari_densify.cases.edit import MARK, Edit, union
from napari_densify.cases.labels import LAST_LABEL
from napari_densify.cases.plane import Plane
from napari_densify.cases.problem import Problem
from napari_densify.cases.volume import Shape
from napari_densify.cases.weight import ACCEPTED, CODES, LAST_ROUND, ROUNDS, weight_table

UNDO_DEPTH = 200
"""Edits that can be taken back or brought back; napari's own layers keep 100."""


class Annotation:
    """Label, round and "the shown prediction was wrong here" of every voxel of a volume.

    The present state is a function of the edits applied, so taking an edit back restores
    labels, rounds and therefore weights exactly; and as an edit says what is there after it, not
    what it adds, applying the last ones again changes nothing. Takes memory only around what is
    painted.

    Parameters
    ----------
    shape : (3,) ints
        The volume's size along z, y, x.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._marks = Blocks(shape, MARK)
        self.round = 0
        self.counts = np.zeros((256, ROUNDS, 2), np.int64)
        self.counts[0, 0, 0] = int(np.prod(shape, dtype=np.int64))
        self._done: deque[Edit] = deque(maxlen=UNDO_DEPTH)
        self._undone: deque[Edit] = deque(maxlen=UNDO_DEPTH)

    @property
    def marks(self) -> NDArray[np.void]:
        """(z, y, x) of `MARK`, a copy of the whole volume's size."""
        return self.read(Box((0, 0, 0), self.shape))

    @property
    def labels(self) -> NDArray[np.uint8]:
        """(z, y, x) uint8 labels, a copy of the whole volume's size: 0 = not annotated."""
        labels = np.zeros(self.shape, np.uint8)
        self.draw(labels)
        return labels

    def read(self, box: Box) -> NDArray[np.void]:
        """(z, y, x) of `MARK` in a box, a copy."""
        return self._marks.read(box)  # type: ignore[return-value]

    def at(self, where: NDArray[np.int64]) -> NDArray[np.void]:
        """(n,) of `MARK` at flat voxel indices, a copy."""
        return self._marks.get(where)  # type: ignore[return-value]

    def draw(self, labels: NDArray[np.uint8]) -> None:
        """Set the painted voxels of a (z, y, x) array to their labels; the others stay."""
        flat = labels.reshape(-1)
        for where, painted in self._marks.written("label"):
            flat[where] = painted

    def on(self, plane: Plane) -> NDArray[np.uint8]:
        """2-D uint8 labels of a slice, a copy: 0 = not annotated."""
        start, stop = [0, 0, 0], list(self.shape)
        start[plane.axis], stop[plane.axis] = plane.position, plane.position + 1
        marks = self.read(Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2])))
        return np.ascontiguousarray(marks["label"].squeeze(plane.axis))

    @property
    def classes(self) -> list[int]:
        """Labels that are annotated somewhere, ascending."""
        return [int(k) for k in np.flatnonzero(self.counts.sum(axis=(1, 2))) if k]

    @property
    def annotated(self) -> int:
        """Number of annotated voxels."""
        return int(self.counts[1:].sum())

    def weight_table(
        self, strength: float = 1.0, elsewhere: NDArray[np.int64] | int = 0
    ) -> NDArray[np.float32]:
        """W by (label, round, wrong) as of now; see `cases.weight`.

        `elsewhere`, how many voxels of each label other cases have, counts for the class balance.
        """
        counts = self.counts.copy()
        counts[:, 0, 0] += elsewhere
        return weight_table(counts, self.round, strength)

    def weights(
        self, strength: float = 1.0, elsewhere: NDArray[np.int64] | int = 0
    ) -> NDArray[np.float32]:
        """(z, y, x) float32 weight w of each voxel; see `weight_table`."""
        table = self.weight_table(strength, elsewhere)
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
        before = self.at(where)
        changed = before["label"] != new
        where, new, wrong, before = where[changed], new[changed], wrong[changed], before[changed]
        if not where.size:
            return None
        round_ = min(self.round + new_round, LAST_ROUND)
        after = np.zeros(where.size, MARK)
        after["label"] = new
        after["round"] = np.where(new > 0, round_, 0)
        after["wrong"] = wrong & (new > 0)
        return Edit(where, before, after, self.round, round_)

    def accept(self, where: NDArray[np.int64], labels: NDArray[np.uint8] | int) -> Edit | None:
        """Make the edit that annotates voxels as they were predicted, without applying it.

        What is annotated already stays. The new marks are of no round, so they weigh 1 before
        class balance, and it can be told that nothing was corrected there.

        Parameters
        ----------
        where : (n,) int64
            Flat voxel indices; need not be sorted.
        labels : (n,) uint8 or int
            As predicted; 0 where nothing was.

        Returns
        -------
        Edit or None
            None if everything is annotated or nothing was predicted there.
        """
        free = self.at(where)["label"] == 0
        edit = self.change(where[free], np.broadcast_to(labels, where.shape)[free])
        if edit is None:
            return None
        after = edit.after.copy()
        after["round"] = ACCEPTED
        return replace(edit, after=after)

    def relabel(self, label: int, into: int) -> Edit | None:
        """Make the edit that gives all of a label another one, without applying it; 0 erases.

        Round and wrong flag of each stay: nobody painted anew, so nothing weighs more.

        Returns
        -------
        Edit or None
            None if nothing is painted of that label.
        """
        where = self._marks.equal("label", label)
        if not where.size:
            return None
        before = self.at(where)
        after = before.copy() if into else np.zeros_like(before)
        after["label"] = into
        return Edit(where, before, after, self.round, self.round)

    def apply(self, edit: Edit) -> None:
        """Bring an edit into force and remember it for undo and redo."""
        if edit.undoes and self._done and _same(edit, self._done[-1].inverse()):
            self._undone.append(self._done.pop())
        elif self._undone and _same(edit, self._undone[-1]):
            self._done.append(self._undone.pop())
        else:
            self._done.append(edit)
            self._undone.clear()
        self._put(edit.where, edit.after)
        self.round = edit.round_after

    def undo(self) -> Edit | None:
        """The edit that takes the last one back, or None if there is none; not applied."""
        return self._done[-1].inverse() if self._done else None

    def redo(self) -> Edit | None:
        """The edit that brings the last undone one back, or None; not applied."""
        return self._undone[-1] if self._undone else None

    @property
    def done(self) -> list[Edit]:
        """The last edits, which can be undone; the newest last."""
        return list(self._done)

    @property
    def undone(self) -> list[Edit]:
        """The edits that can be redone; the last one undone last."""
        return list(self._undone)

    def history(self) -> list[Edit]:
        """Edits that, applied to the present state, leave it as it is and can be undone and redone.

        What can be undone, in order; then what can be redone, done again and taken back.
        """
        again = list(reversed(self._undone))
        return [*self._done, *again, *(edit.inverse() for edit in reversed(again))]

    def load(self, where: NDArray[np.int64], marks: NDArray[np.void]) -> None:
        """Set marks that were stored, where there are none; no edit, so it cannot be undone."""
        self.counts[0, 0, 0] -= where.size
        self.counts += _count(marks)
        self._marks.put(where, marks)

    def everything(self) -> Edit:
        """One edit that brings an empty annotation to this state."""
        where = self._marks.nonzero("label")
        marks = self.at(where)
        return Edit(where, np.zeros_like(marks), marks, 0, self.round)

    def turn_into(self, where: NDArray[np.int64], marks: NDArray[np.void]) -> Edit | None:
        """Make the edit that leaves these marks and no others, without applying it.

        Parameters
        ----------
        where : (n,) int64
            Flat voxel indices, sorted, each once.
        marks : (n,) of `MARK`

        Returns
        -------
        Edit or None
            None if the annotation is like that already.
        """
        everywhere = union(where, self._marks.nonzero("label"))
        after = np.zeros(everywhere.size, MARK)
        after[np.searchsorted(everywhere, where)] = marks
        before = self.at(everywhere)
        changed = before != after
        if not changed.any():
            return None
        return Edit(everywhere[changed], before[changed], after[changed], self.round, self.round)

    def _put(self, where: NDArray[np.int64], marks: NDArray[np.void]) -> None:
        self.counts -= _count(self.at(where))
        self._marks.put(where, marks)
        self.counts += _count(marks)


def _fields(marks: NDArray[np.void]) -> tuple[NDArray[np.intp], ...]:
    return tuple(marks[name].astype(np.intp) for name in ("label", "round", "wrong"))


def _count(marks: NDArray[np.void]) -> NDArray[np.int64]:
    """How many voxels carry each label, round and wrong flag."""
    code = np.ravel_multi_index(_fields(marks), (256, ROUNDS, 2))
    return np.bincount(code, minlength=CODES).reshape(256, ROUNDS, 2)


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


def _same(one: Edit, other: Edit) -> bool:
    return (
        one.round_after == other.round_after
        and np.array_equal(one.where, other.where)
        and np.array_equal(one.after, other.after)
    )
