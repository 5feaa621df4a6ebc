"""What every case needs: a phantom, a script of strokes, and what must be there afterwards."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np

from bench.faults.tally import Lost, Wrong
from napari_densify.cases.annotation import Annotation
from napari_densify.cases.edit import Edit
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.project import Label
from napari_densify.cases.reference import ImageReference, describe
from napari_densify.cases.volume import Volume, content_hash
from napari_densify.session.session import Session

SHAPE = (24, 40, 140)
"""Two chunks of the annotation's store, and small enough to be compared whole after each case."""
CLASSES = (
    Label(label=1, name="background"),
    Label(label=2, name="liver", colour="#aa3322"),
    Label(label=3, name="tumour", colour="#2244cc"),
)
LABELS = [row.label for row in CLASSES]


def phantom() -> Volume:
    """A noisy image of a bright bar."""
    image = np.random.default_rng(0).normal(0, 0.3, SHAPE).astype(np.float32)
    image[6:18, 10:30, 20:120] += 1
    return Volume(image, name="phantom")


def reference() -> ImageReference:
    """Which image the phantom's projects are of."""
    volume = phantom()
    return describe(volume, None, content_hash(volume))


def open_project(path: Path) -> ProjectFolder:
    """The phantom's project in a folder."""
    return ProjectFolder(path, reference(), CLASSES)


def act(session: Session, rng: np.random.Generator) -> None:
    """One thing a user does: a stroke, a slice, erasing, undo or redo.

    Raises
    ------
    Problem
        As `Session.paint`.
    """
    choice = rng.random()
    if choice < 0.1:
        session.undo()
    elif choice < 0.15:
        session.redo()
    elif choice < 0.2:
        z = int(rng.integers(SHAPE[0]))
        plane = np.arange(SHAPE[1] * SHAPE[2]) + z * SHAPE[1] * SHAPE[2]
        session.paint(plane, 1 + (phantom_slice(z) > 0.5).astype(np.uint8).ravel())
    else:
        corner = [int(rng.integers(n - 6)) for n in SHAPE]
        box = np.meshgrid(*(c + np.arange(rng.integers(1, 6)) for c in corner), indexing="ij")
        where = np.ravel_multi_index(tuple(axis.ravel() for axis in box), SHAPE)
        session.paint(where, 0 if choice < 0.3 else int(rng.choice(LABELS)))


def phantom_slice(z: int) -> np.ndarray:
    """A slice of the phantom without its noise."""
    plane = np.zeros(SHAPE[1:], np.float32)
    if 6 <= z < 18:
        plane[10:30, 20:120] = 1
    return plane


def same(one: Annotation, other: Annotation) -> bool:
    """Whether marks, counts and round are the same, and all that can be undone and redone."""
    mine, theirs = one.history(), other.history()
    return (
        one.round == other.round
        and np.array_equal(one.marks, other.marks)
        and np.array_equal(one.counts, other.counts)
        and len(mine) == len(theirs)
        and all(map(_same_edit, mine, theirs))
    )


def _same_edit(one: Edit, other: Edit) -> bool:
    arrays = ("where", "before", "after")
    numbers = ("round_before", "round_after", "undoes")
    return all(getattr(one, name) == getattr(other, name) for name in numbers) and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays
    )


class Story:
    """What was reported of a project's strokes, and therefore must be found in it.

    Attributes
    ----------
    sure : Annotation
        With all strokes that were reported as finished.
    edits : list of Edit
        Those.
    """

    def __init__(self) -> None:
        self.sure = Annotation(SHAPE)
        self.edits: list[Edit] = []
        self._begun: Edit | None = None

    @property
    def strokes(self) -> int:
        """How many were reported as finished."""
        return len(self.edits)

    def begin(self, edit: Edit) -> None:
        """A stroke is being written."""
        self._begun = edit

    def finish(self) -> None:
        """It was written: from now on it must be there."""
        if self._begun is not None:
            self.sure.apply(self._begun)
            self.edits.append(self._begun)
        self._begun = None

    def refuse(self) -> None:
        """It was not written, and whoever painted it was told so."""
        self._begun = None

    def agrees(self, found: Annotation) -> bool:
        """Whether all finished strokes were found, and at most the one being written beside."""
        if same(found, self.sure):
            return True
        after = self.after()
        return after is not None and same(found, after)

    def settle(self, found: Annotation) -> bool:
        """`agrees`; what was found is what counts from then on."""
        after = self.after()
        if same(found, self.sure):
            self.refuse()
            return True
        if after is None or not same(found, after):
            return False
        self.finish()
        return True

    def after(self) -> Annotation | None:
        """As `sure`, with the stroke that was being written."""
        if self._begun is None:
            return None
        state = copy.deepcopy(self.sure)
        state.apply(self._begun)
        return state


class ToldFolder(ProjectFolder):
    """A project that tells a story of each stroke, before and after it is written."""

    story: Story

    def commit(self, edit: Edit) -> None:
        """As `ProjectFolder.commit`."""
        self.story.begin(edit)
        try:
            super().commit(edit)
        except Exception:
            self.story.refuse()
            raise
        self.story.finish()


def told(path: Path, story: Story) -> ToldFolder:
    """The phantom's project in a folder, that tells `story`."""
    project = ToldFolder(path, reference(), CLASSES)
    project.story = story
    return project


def look(folder: Path, story: Story) -> None:
    """Open a project after the worst, and compare it with what was told.

    Raises
    ------
    Lost or Wrong
    """
    project = open_project(folder)
    try:
        if project.read_only:
            raise Wrong(f"it {project.holder}")
        for snapshot in project.snapshots.list():
            if project.snapshots.read(snapshot).annotated != snapshot.voxels:
                raise Wrong(f"snapshot {snapshot.number} is not what it was")
        project.learned.read_model()
        project.learned.read_prediction(np.zeros(SHAPE, np.uint8))
        alarming = [note for note in project.notes if "half written" not in note]
        if alarming:
            raise Wrong(" ".join(alarming))
        if not story.settle(project.annotation):
            raise Lost(f"number {project.number}, told of {story.strokes}")
    finally:
        project.close()
