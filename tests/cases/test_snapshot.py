"""Versions of an annotation that are kept, compared and brought back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.reference import ImageReference
from napari_densify.cases.snapshot import AUTOMATIC, Comparison, compare
from napari_densify.cases.volume import Volume
from napari_densify.session.following import restore
from napari_densify.session.session import Session

from .projects import CLASSES, change, paint


def test_snapshots_are_kept_read_and_removed(path: Path, image: ImageReference) -> None:
    folder = ProjectFolder(path, image, CLASSES)
    paint(folder)
    then = folder.annotation.marks
    first = folder.take_snapshot(" before lunch ")
    folder.commit(change(folder.annotation, 600, 4))
    second = folder.take_snapshot("")
    folder.close()
    snapshots = ProjectFolder(path, image).snapshots
    assert snapshots.list() == [first, second]
    assert (first.number, first.name, first.edits) == (1, "before lunch", 5)
    np.testing.assert_array_equal(snapshots.read(first).marks, then)
    np.testing.assert_array_equal(snapshots.read(second).marks, folder.annotation.marks)
    snapshots.remove(first)
    assert snapshots.list() == [second]
    assert {p.name for p in snapshots.folder.iterdir()} == {"0002.json", "0002.zarr"}


def test_what_changed_since_a_snapshot_is_counted(path: Path, image: ImageReference) -> None:
    folder = ProjectFolder(path, image, CLASSES)
    folder.commit(change(folder.annotation, 0, 1))
    first = folder.take_snapshot("first")
    folder.commit(change(folder.annotation, 10, 2))
    folder.close()
    then = folder.snapshots.read(first)
    assert compare(then, folder.annotation) == [
        Comparison(label=1, then=30, now=10, gone=20, new=0),
        Comparison(label=2, then=0, now=30, gone=0, new=30),
    ]
    assert all(row.gone == row.new == 0 for row in compare(then, then))


def test_a_snapshot_is_brought_back_as_one_edit_that_can_be_undone(
    path: Path, image: ImageReference, phantom: Volume
) -> None:
    project = ProjectFolder(path, image, CLASSES)
    session = Session(phantom, project=project)
    session.paint(np.arange(30), 1)
    session.paint(np.arange(10, 40), 2)
    then = session.annotation.marks
    snapshot = project.take_snapshot("then")
    session.paint(np.arange(20), 0)
    session.paint(np.arange(600, 700), 3)
    now = session.annotation.marks
    edit, kept = restore(session, project.snapshots.read(snapshot))
    assert edit is not None
    assert kept == 0
    np.testing.assert_array_equal(session.annotation.marks, then)
    assert restore(session, project.snapshots.read(snapshot)) == (None, 0)
    session.undo()
    np.testing.assert_array_equal(session.annotation.marks, now)
    session.close()


def test_what_is_locked_stays_when_a_snapshot_is_brought_back(
    path: Path, image: ImageReference, phantom: Volume
) -> None:
    project = ProjectFolder(path, image, CLASSES)
    session = Session(phantom, project=project)
    session.paint(np.arange(30), 1)
    snapshot = project.take_snapshot("then")
    session.paint(np.arange(20, 40), 2)
    session.paint(np.arange(5), 0)
    session.locked = frozenset({2})
    edit, kept = restore(session, project.snapshots.read(snapshot))
    assert edit is not None
    assert kept == 20
    assert session.annotation.labels.ravel()[:40].tolist() == [1] * 20 + [2] * 20
    assert restore(session, project.snapshots.read(snapshot)) == (None, 20)
    session.close()


def test_old_snapshots_made_by_themselves_go_and_named_ones_stay(
    path: Path, image: ImageReference
) -> None:
    folder = ProjectFolder(path, image, CLASSES)
    folder.commit(change(folder.annotation, 0, 1))
    folder.take_snapshot("mine")
    for _ in range(AUTOMATIC + 2):
        folder.take_snapshot("")
    folder.close()
    numbers = [snapshot.number for snapshot in folder.snapshots.list()]
    assert numbers == [1, *range(4, AUTOMATIC + 4)]
