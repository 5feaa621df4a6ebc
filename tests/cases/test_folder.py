"""A project folder: made at the first edit, found again, refused where it is damaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_densify.cases import kept
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.history import Entry
from napari_densify.cases.place import check_target
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Learning, Project
from napari_densify.cases.reference import ImageReference
from napari_densify.cases.volume import Volume

from .projects import CLASSES, assert_same, change, model, paint, painted, reference


def test_nothing_is_written_before_the_first_edit(path: Path, image: ImageReference) -> None:
    folder = ProjectFolder(path, image)
    folder.describe(classes=CLASSES)
    assert not folder.exists
    folder.close()
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize("parent", ["file", "file/deeper", "/proc", "/proc/none"])
def test_a_place_that_cannot_be_written_is_told_at_the_first_edit(
    tmp_path: Path, image: ImageReference, parent: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    folder = ProjectFolder(tmp_path / parent / "a.densify", image)
    with pytest.raises(Problem, match="Cannot make"):
        folder.commit(change(folder.annotation, 0, 1))
    assert not folder.annotation.annotated
    assert not folder.exists
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_edits_model_and_classes_are_found_again(path: Path, image: ImageReference) -> None:
    folder = ProjectFolder(path, image, CLASSES[:1])
    paint(folder)
    folder.learned.save_model(model(1))
    folder.learned.add_history([Entry(time="now", steps=7)])
    folder.describe(classes=CLASSES, learning=Learning(strength=3))
    folder.close()
    again = ProjectFolder(path, image)
    assert_same(again.annotation, folder.annotation)
    assert again.annotation.redo() is not None, "what was undone can be redone"
    assert again.learned.read_model() == model(1)
    assert [entry.steps for entry in again.learned.read_history()] == [7]
    assert again.description.classes == CLASSES
    assert again.description.learning.strength == 3
    assert again.number == 5
    assert again.writable
    assert not again.notes
    again.close()
    assert Project.read(path).image.content == image.content


@pytest.mark.parametrize("later", [False, True])
def test_a_folded_project_opens_as_the_same(path: Path, image: ImageReference, later: bool) -> None:
    folder = ProjectFolder(path, image, CLASSES)
    paint(folder)
    folder.fold()
    if later:
        folder.commit(change(folder.annotation, 600, 4))
    folder.close()
    for _ in range(2):
        again = ProjectFolder(path, image)
        assert_same(again.annotation, folder.annotation)
        assert again.number == folder.number
        assert not again.notes
        again.fold()
        again.close()


def test_a_fold_that_was_cut_short_changes_nothing(path: Path, image: ImageReference) -> None:
    folder = ProjectFolder(path, image, CLASSES)
    paint(folder)
    journal = (path / "journal").read_bytes()
    folder.fold()
    folder.close()
    (path / "journal").write_bytes(journal)  # the store was written, the journal not yet
    again = ProjectFolder(path, image)
    assert_same(again.annotation, folder.annotation)
    again.close()


def test_a_torn_stroke_and_a_damaged_one_are_told(path: Path, image: ImageReference) -> None:
    painted(path, image)
    whole = (path / "journal").read_bytes()
    (path / "journal").write_bytes(whole[:-7])
    torn = ProjectFolder(path, image)
    assert "only half written" in " ".join(torn.notes)
    assert torn.number == 4
    torn.close()
    damaged = bytearray(whole)
    damaged[60] ^= 4
    (path / "journal").write_bytes(damaged)
    left = ProjectFolder(path, image)
    assert "were left out" in " ".join(left.notes)
    assert (path / "journal.damaged").read_bytes() == damaged
    left.close()


def test_what_was_undone_stays_undone_where_its_record_is_damaged(
    path: Path, image: ImageReference
) -> None:
    folder = ProjectFolder(path, image, CLASSES)
    paint(folder)  # its last stroke was taken back, and could be brought back
    folder.fold()
    folder.close()
    whole = bytearray((path / "journal").read_bytes())
    undoing = [at for at in range(len(whole)) if whole.startswith(b"\x89EDT", at)][-2]
    whole[undoing + 40] ^= 1
    (path / "journal").write_bytes(whole)
    for opening in range(2):
        again = ProjectFolder(path, image)
        np.testing.assert_array_equal(again.annotation.marks, folder.annotation.marks)
        assert again.annotation.undo() is None
        assert again.number == folder.number
        assert ("no longer be undone" in " ".join(again.notes)) == (opening == 0)
        again.close()
    assert (path / "journal.damaged").read_bytes() == whole


@pytest.mark.parametrize("records", [0, 1, 3])
def test_strokes_that_were_cut_off_are_told_wherever_the_cut_is(
    path: Path, image: ImageReference, records: int
) -> None:
    painted(path, image)
    whole = (path / "journal").read_bytes()
    starts = [at for at in range(len(whole)) if whole.startswith(b"\x89EDT", at)]
    (path / "journal").write_bytes(whole[: starts[records]])
    for opening in range(2):
        cut = ProjectFolder(path, image)
        assert cut.number == records
        assert ("ends too early" in " ".join(cut.notes)) == (opening == 0)
        cut.close()


@pytest.mark.parametrize("damage", ["bit", "other shape", "no field"])
def test_a_damaged_annotation_is_refused(path: Path, image: ImageReference, damage: str) -> None:
    folder = ProjectFolder(path, image, CLASSES)
    paint(folder)
    folder.fold()
    folder.close()
    labels = path / "annotation.zarr" / "labels"
    if damage == "no field":
        shutil.rmtree(labels.with_name("rounds"))
    elif damage == "bit":
        content = bytearray((labels / "c" / "0" / "0" / "0").read_bytes())
        content[len(content) // 2] ^= 1
        (labels / "c" / "0" / "0" / "0").write_bytes(content)
    else:
        described = json.loads((labels / "zarr.json").read_text())
        described["shape"][1] += 1
        (labels / "zarr.json").write_text(json.dumps(described))
    with pytest.raises(Problem, match=r"annotation\.zarr is damaged"):
        ProjectFolder(path, image)


def test_a_missing_annotation_is_refused(path: Path, image: ImageReference) -> None:
    folder = ProjectFolder(path, image, CLASSES)
    paint(folder)
    folder.fold()
    folder.close()
    shutil.rmtree(path / "annotation.zarr")
    with pytest.raises(Problem, match="missing"):
        ProjectFolder(path, image)


def test_a_project_that_was_painted_in_is_not_overwritten(
    path: Path, image: ImageReference
) -> None:
    painted(path, image)
    with pytest.raises(Problem, match="choose another name"):
        check_target(path)


def test_a_fold_that_fails_in_whatever_way_keeps_what_was_painted(
    path: Path, image: ImageReference, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ProjectFolder(path, image, CLASSES)
    paint(folder)

    def fail(*_: object) -> None:
        raise Problem("annotation.zarr is damaged")

    with monkeypatch.context() as broken:
        broken.setattr(kept, "write_marks", fail)
        with pytest.raises(Problem):
            folder.fold()
    folder.commit(change(folder.annotation, 600, 4))
    folder.fold()
    folder.close()
    again = ProjectFolder(path)
    assert_same(again.annotation, folder.annotation)
    again.close()


def test_another_image_is_refused(path: Path, image: ImageReference, phantom: Volume) -> None:
    painted(path, image)
    with pytest.raises(Problem, match="another image"):
        ProjectFolder(path, reference(Volume(np.asarray(phantom.data) + 1)))
    ProjectFolder(path, image).close()  # the refusal holds nothing


def test_a_newer_project_is_refused(path: Path, image: ImageReference) -> None:
    painted(path, image)
    file = path / "project.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema_version": 4}))
    with pytest.raises(Problem, match="newer napari-densify"):
        ProjectFolder(path, image)
    assert json.loads(file.read_text())["schema_version"] == 4


@pytest.mark.parametrize("name", ["link", "model/0001-0123456789abcdef.safetensors"])
def test_a_link_inside_is_refused(path: Path, image: ImageReference, name: str) -> None:
    painted(path, image)
    outside = path.with_name("outside")
    outside.write_text("precious")
    (path / name).parent.mkdir(exist_ok=True)
    (path / name).symlink_to(outside)
    with pytest.raises(Problem, match="holds a link"):
        ProjectFolder(path, image)
    assert outside.read_text() == "precious"
