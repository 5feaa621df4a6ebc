"""A project folder: made at the first edit, found again, held by one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from napari_densify.cases import kept, place
from napari_densify.cases.box import Box
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.history import Entry
from napari_densify.cases.place import check_target, place_for
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import ImageReference, Label, Learning, Project
from napari_densify.cases.volume import Volume, content_hash

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


def test_a_closed_project_takes_no_strokes(path: Path, image: ImageReference) -> None:
    folder = ProjectFolder(path, image, CLASSES)
    paint(folder)
    folder.close()
    with pytest.raises(Problem, match="closed"):
        folder.commit(change(folder.annotation, 600, 4))
    again = ProjectFolder(path)
    assert not again.read_only
    again.close()


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


def test_a_second_window_only_reads(path: Path, image: ImageReference) -> None:
    folder = ProjectFolder(path, image, CLASSES)
    paint(folder)
    second = ProjectFolder(path, image)
    assert second.read_only
    assert not second.writable
    assert f"process {os.getpid()}" in second.holder
    assert_same(second.annotation, folder.annotation)
    with pytest.raises(Problem, match=r"open in another window.* nothing can be changed"):
        second.commit(change(second.annotation, 600, 4))
    second.close()
    folder.commit(change(folder.annotation, 600, 4))
    folder.close()
    third = ProjectFolder(path, image)
    assert third.writable
    assert third.number == 6
    third.close()


@pytest.mark.parametrize("closed", [False, True])
def test_a_window_that_opened_it_before_it_was_made_takes_nothing_from_it(
    path: Path, image: ImageReference, closed: bool
) -> None:
    second = ProjectFolder(path, image)
    folder = ProjectFolder(path, image, CLASSES)
    paint(folder)
    if closed:
        folder.close()
    for _ in range(2):
        with pytest.raises(Problem, match="another window"):
            second.commit(change(second.annotation, 600, 4))
    second.close()
    folder.close()
    third = ProjectFolder(path, image)
    assert third.writable
    assert list(third.description.classes) == list(CLASSES)
    assert_same(third.annotation, folder.annotation)
    third.close()


def test_a_stale_lock_does_not_block(path: Path, image: ImageReference) -> None:
    painted(path, image)
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from napari_densify.cases.hold import Hold\n"
        "hold = Hold(Path(sys.argv[1]))\n"
        "assert not hold.take()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, path], check=False)
    assert (path / "holder.json").exists()
    folder = ProjectFolder(path, image)
    assert folder.writable
    folder.close()


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


def test_the_hash_tells_values_shapes_and_types_apart() -> None:
    data = np.arange(1000, dtype=np.uint16).reshape(10, 10, 10)
    variants = [data, data + 1, data.astype(np.int16), data.reshape(5, 20, 10), data[::-1]]
    assert len({content_hash(Volume(v)) for v in variants}) == len(variants)
    assert content_hash(Volume(data)) == content_hash(Volume(data.copy(order="F")))
