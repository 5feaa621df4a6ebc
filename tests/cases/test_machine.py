"""Whatever is done to a project, in any order, it is what a simple model says it is."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from numpy.typing import NDArray

from napari_densify.cases.edit import Edit
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.project import Label
from napari_densify.cases.reference import ImageReference
from napari_densify.cases.weight import ACCEPTED

SHAPE = (8, 9, 10)
IMAGE = ImageReference(shape=SHAPE, spacing=(1, 1, 1), content="0" * 64)
CLASSES = (Label(label=1, name="background"), Label(label=2, name="a"), Label(label=3, name="b"))

boxes = st.tuples(*(st.tuples(st.integers(0, n - 1), st.integers(1, 4)) for n in SHAPE))
labels = st.integers(1, 3)


class State(NamedTuple):
    """What the annotation of every voxel is, as whole arrays."""

    label: NDArray[np.uint8]
    round: NDArray[np.uint8]
    wrong: NDArray[np.bool_]
    now: int

    def painted(self, where: NDArray[np.bool_], label: int, now: int, wrong: bool) -> State:
        changed = where & (self.label != label)
        return State(
            np.where(changed, label, self.label),
            np.where(changed, now if label else 0, self.round),
            np.where(changed, wrong and label > 0, self.wrong),
            now if changed.any() else self.now,
        )

    def same(self, other: State) -> bool:
        return all(np.array_equal(mine, theirs) for mine, theirs in zip(self, other, strict=True))


class Painting(RuleBasedStateMachine):
    """A project and, beside it, the states it went through."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp())
        self.lives = 0
        self.project = self.open()
        nothing = np.zeros(SHAPE, np.uint8)
        self.state = State(nothing, nothing, nothing.astype(bool), 0)
        self.past: list[State] = []
        self.future: list[State] = []
        self.classes = CLASSES
        self.snapshots: list[tuple[str, State]] = []

    @property
    def folder(self) -> Path:
        return self.place / f"{self.lives}.densify"

    def open(self) -> ProjectFolder:
        return ProjectFolder(self.folder, IMAGE, CLASSES)

    def teardown(self) -> None:
        self.project.close()
        shutil.rmtree(self.place)

    # What is done, to both.

    @rule(box=boxes, label=labels, wrong=st.booleans(), new_round=st.booleans())
    def paint(self, box, label: int, wrong: bool, new_round: bool) -> None:
        self.change(inside(box), label, wrong, new_round)

    @rule(box=boxes)
    def erase(self, box) -> None:
        self.change(inside(box), 0, False, False)

    @rule(z=st.integers(0, SHAPE[0] - 1), seed=st.integers(0, 99))
    def accept(self, z: int, seed: int) -> None:
        predicted = np.random.default_rng(seed).integers(0, 4, SHAPE).astype(np.uint8)
        plane = np.zeros(SHAPE, bool)
        plane[z] = True
        where = np.flatnonzero(plane)
        edit = self.project.annotation.accept(where, predicted[plane])
        new = plane & (self.state.label == 0)
        new &= predicted > 0
        accepted = self.state._replace(
            label=np.where(new, predicted, self.state.label),
            round=np.where(new, ACCEPTED, self.state.round),
        )
        self.commit(edit, accepted)

    @precondition(lambda self: self.past)
    @rule()
    def undo(self) -> None:
        edit = self.project.annotation.undo()
        assert edit is not None
        self.project.commit(edit)
        self.future.append(self.state)
        self.state = self.past.pop()

    @precondition(lambda self: self.future)
    @rule()
    def redo(self) -> None:
        edit = self.project.annotation.redo()
        assert edit is not None
        self.project.commit(edit)
        self.past.append(self.state)
        self.state = self.future.pop()

    @rule(label=labels, name=st.text(max_size=8))
    def rename_class(self, label: int, name: str) -> None:
        self.classes = tuple(
            row.model_copy(update={"name": name}) if row.label == label else row
            for row in self.classes
        )
        self.project.describe(classes=self.classes)

    @rule(label=labels)
    def remove_class(self, label: int) -> None:
        self.change(self.state.label == label, 0, False, False)
        self.classes = tuple(row for row in self.classes if row.label != label)
        self.project.describe(classes=self.classes)

    @precondition(lambda self: self.project.exists)
    @rule(name=st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8))
    def snapshot(self, name: str) -> None:
        self.project.take_snapshot(name)
        self.snapshots.append((name, self.state))

    @precondition(lambda self: self.snapshots)
    @rule(data=st.data())
    def restore(self, data) -> None:
        which = data.draw(st.integers(0, len(self.snapshots) - 1))
        snapshot = self.project.snapshots.list()[which]
        then = self.project.snapshots.read(snapshot).everything()
        edit = self.project.annotation.turn_into(then.where, then.after)
        self.commit(edit, self.snapshots[which][1]._replace(now=self.state.now))

    @rule()
    def fold(self) -> None:
        self.project.fold()

    @rule()
    def reopen(self) -> None:
        self.project.close()
        self.begin_life()

    @rule()
    def crash(self) -> None:
        """What is on the disk at this moment is all that another process ever sees."""
        before, self.lives = self.project, self.lives + 1
        if before.path.exists():
            shutil.copytree(before.path, self.folder)
        self.begin_life()
        before.close()

    # What must then be so.

    @invariant()
    def the_annotation_is_the_models(self) -> None:
        marks = self.project.annotation.marks
        np.testing.assert_array_equal(marks["label"], self.state.label)
        np.testing.assert_array_equal(marks["round"], self.state.round)
        np.testing.assert_array_equal(marks["wrong"], self.state.wrong)
        assert self.project.annotation.round == self.state.now
        assert (self.project.annotation.undo() is None) == (not self.past)
        assert (self.project.annotation.redo() is None) == (not self.future)

    @invariant()
    def the_rest_is_the_models(self) -> None:
        assert self.project.description.classes == self.classes
        found = [snapshot.name for snapshot in self.project.snapshots.list()]
        assert found == [name for name, _ in self.snapshots]

    def change(self, where: NDArray[np.bool_], label: int, wrong: bool, new_round: bool) -> None:
        annotation = self.project.annotation
        edit = annotation.change(np.flatnonzero(where), label, wrong=wrong, new_round=new_round)
        self.commit(edit, self.state.painted(where, label, self.state.now + new_round, wrong))

    def commit(self, edit: Edit | None, then: State) -> None:
        assert (edit is None) == self.state.same(then)
        if edit is None:
            return
        self.project.commit(edit)
        self.past.append(self.state)
        self.state = then
        # Painting just what was undone is as good as bringing it back.
        self.future = self.future[:-1] if self.future and self.future[-1].same(then) else []

    def begin_life(self) -> None:
        self.project = self.open()
        assert not self.project.notes
        if not self.project.exists:
            self.classes = CLASSES  # nothing is kept before the first stroke
            self.past, self.future = [], []


def inside(box: tuple[tuple[int, int], ...]) -> NDArray[np.bool_]:
    where = np.zeros(SHAPE, bool)
    where[tuple(slice(a, a + n) for a, n in box)] = True
    return where


Painting.TestCase.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
TestPainting = Painting.TestCase
