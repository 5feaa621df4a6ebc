"""Where a project lies, and how it gets elsewhere."""

from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from napari_densify.cases import place
from napari_densify.cases.box import Box
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.place import place_for
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label
from napari_densify.cases.reference import ImageReference
from napari_densify.cases.volume import Volume

from .projects import CLASSES, assert_same, change, model, paint


def test_a_moved_project_is_the_same(path: Path, image: ImageReference) -> None:
    folder = ProjectFolder(path, image, CLASSES)
    paint(folder)
    folder.move(path.with_name("new") / "b.densify")
    folder.commit(change(folder.annotation, 600, 4))
    folder.close()
    assert not path.exists()
    again = ProjectFolder(path.with_name("new") / "b.densify", image)
    assert_same(again.annotation, folder.annotation)
    again.close()


def test_a_folder_that_vanished_is_not_made_anew(path: Path, image: ImageReference) -> None:
    folder = ProjectFolder(path, image, CLASSES)
    paint(folder)
    before, away = folder.annotation.marks, path.with_name("away")
    path.rename(away)
    with pytest.raises(Problem, match="is gone; put it back"):
        folder.commit(change(folder.annotation, 600, 4))
    with pytest.raises(Problem, match="is gone; put it back"):
        folder.take_snapshot("mine")
    for write in (
        folder.fold,
        lambda: folder.learned.save_model(model(1)),
        lambda: folder.learned.save_prediction(
            np.ones(image.shape, np.uint8), [Box((0, 0, 0), image.shape)]
        ),
    ):
        with pytest.raises(FileNotFoundError):
            write()
    assert not path.exists()
    np.testing.assert_array_equal(folder.annotation.marks, before)
    away.rename(path)
    folder.commit(change(folder.annotation, 600, 4))
    folder.fold()
    folder.close()
    again = ProjectFolder(path, image)
    assert_same(again.annotation, folder.annotation)
    again.close()


def test_a_project_in_which_all_was_erased_opens_again_elsewhere(
    path: Path, image: ImageReference
) -> None:
    folder = ProjectFolder(path, image, CLASSES)
    paint(folder)
    everything = folder.annotation.everything().where
    erased = folder.annotation.change(everything, 0)
    assert erased is not None
    folder.commit(erased)
    shutil.rmtree(path)
    folder.move(path.with_name("b.densify"))
    folder.close()
    again = ProjectFolder(path.with_name("b.densify"), image)
    assert again.annotation.annotated == 0
    again.close()


def test_a_project_cannot_be_moved_into_itself(path: Path, image: ImageReference) -> None:
    folder = ProjectFolder(path, image, CLASSES)
    paint(folder)
    with pytest.raises(Problem, match="inside itself"):
        folder.move(path / "cases" / "b.densify")
    folder.commit(change(folder.annotation, 600, 4))
    folder.close()


def test_while_it_is_moved_strokes_are_refused_and_nobody_waits(
    path: Path, image: ImageReference, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ProjectFolder(path, image, CLASSES)
    paint(folder)
    rows = (*CLASSES, Label(label=3, name="spleen"))

    def slowly(source: Path, target: Path) -> None:
        """As to another disk; a lock held here would let the other thread wait for ever."""
        told: list[str] = []

        def use() -> None:
            try:
                folder.commit(change(folder.annotation, 600, 4))
            except Problem as problem:
                told.append(str(problem))
            folder.describe(classes=rows)

        other = threading.Thread(target=use)
        other.start()
        other.join(60)
        if sys.platform != "win32":
            window = ProjectFolder(source)
            assert window.read_only
            window.close()
        assert not other.is_alive()
        assert "being moved" in told[0]
        move(source, target)

    move = place.move
    monkeypatch.setattr(place, "move", slowly)
    folder.move(path.with_name("b.densify"))
    folder.commit(change(folder.annotation, 600, 4))
    folder.close()
    again = ProjectFolder(path.with_name("b.densify"), image)
    assert again.description.classes == rows
    again.close()


def test_its_place(tmp_path: Path, phantom: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert place_for(phantom, tmp_path / "ct.nii.gz", "0" * 64) == tmp_path / "ct.densify"
    named = Volume(phantom.data, name="Doe^John")
    for source in (None, Path("/proc/1/image.nii")):
        place = place_for(named, source, "abcdef0123")
        assert place.name == "volume-abcdef01.densify"
        assert tmp_path / "data" in place.parents
    place = place_for(named, tmp_path / "Doe.dcm", "abcdef0123")
    assert place == tmp_path / "volume-abcdef01.densify"


def test_images_whose_names_begin_alike_have_projects_of_their_own(
    tmp_path: Path, phantom: Volume, image: ImageReference
) -> None:
    first, second = tmp_path / "p1.T1.nii.gz", tmp_path / "p1.T2.nii.gz"
    assert place_for(phantom, first, image.content).name == "p1.T1.densify"
    assert place_for(phantom, second, "1" * 64).name == "p1.T2.densify"
    assert place_for(phantom, tmp_path / "a.b.czi", image.content).name == "a.b.densify"
    # A project from the time when names ended at the first dot is found again.
    older = ProjectFolder(tmp_path / "p1.densify", image)
    paint(older)
    older.close()
    assert place_for(phantom, first, image.content) == older.path
    assert place_for(phantom, second, "1" * 64).name == "p1.T2.densify"
