"""Projects to test with: painted in, closed, compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.edit import Edit
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.project import Label
from napari_densify.cases.reference import ImageReference
from napari_densify.cases.volume import Volume, content_hash

CLASSES = (Label(label=1, name="background"), Label(label=2, name="liver", colour="#123456"))


def reference(volume: Volume) -> ImageReference:
    return ImageReference(
        path="", shape=volume.shape, spacing=volume.spacing, content=content_hash(volume)
    )


def change(annotation: Annotation, start: int, label: int, late: bool = False) -> Edit:
    edit = annotation.change(np.arange(start, start + 30), label, wrong=late, new_round=late)
    assert edit is not None
    return edit


def paint(folder: ProjectFolder) -> None:
    """Strokes of two rounds, one erased, the last one taken back."""
    for start, label, late in ((0, 1, False), (10, 2, True), (20, 0, False), (15_000, 3, True)):
        folder.commit(change(folder.annotation, start, label, late))
    undo = folder.annotation.undo()
    assert undo is not None
    folder.commit(undo)


def painted(path: Path, image: ImageReference) -> ProjectFolder:
    """A project that was painted in and closed."""
    folder = ProjectFolder(path, image, CLASSES)
    paint(folder)
    folder.close()
    return folder


def assert_same(one: Annotation, other: Annotation) -> None:
    """The same marks and round, and the same whatever is undone or redone."""
    np.testing.assert_array_equal(one.marks, other.marks)
    np.testing.assert_array_equal(one.counts, other.counts)
    assert one.round == other.round
    assert len(one.history()) == len(other.history())
    for a, b in zip(one.history(), other.history(), strict=True):
        np.testing.assert_array_equal(a.where, b.where)
        np.testing.assert_array_equal(a.before, b.before)
        np.testing.assert_array_equal(a.after, b.after)
        assert (a.round_before, a.round_after) == (b.round_before, b.round_after)
    assert (one.undo() is None, one.redo() is None) == (other.undo() is None, other.redo() is None)


def model(value: float) -> bytes:
    return bytes(save({"weight": np.full(3, value, np.float32)}))
