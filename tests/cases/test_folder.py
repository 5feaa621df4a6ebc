"""A project folder: made at the first edit, found again, held by one."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import zarr
from safetensors.numpy import save

from napari_densify.cases.annotation import Annotation, Edit
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.history import Entry, append_history, read_history
from napari_densify.cases.place import check_target, place_for
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import ImageReference, Label, Learning, Project
from napari_densify.cases.ring import ModelRing
from napari_densify.cases.volume import Volume, content_hash

CLASSES = (Label(label=1, name="background"), Label(label=2, name="liver", colour="#123456"))


def reference(volume: Volume) -> ImageReference:
    return ImageReference(
        path="", shape=volume.shape, spacing=volume.spacing, content=content_hash(volume)
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.densify"


@pytest.fixture
def image(phantom: Volume) -> ImageReference:
    return reference(phantom)


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
    (path / "journal").write_bytes(whole[:-3])
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


def test_another_image_is_refused(path: Path, image: ImageReference, phantom: Volume) -> None:
    painted(path, image)
    with pytest.raises(Problem, match="another image"):
        ProjectFolder(path, reference(Volume(np.asarray(phantom.data) + 1)))
    ProjectFolder(path, image).close()  # the refusal holds nothing


def test_a_newer_project_is_refused(path: Path, image: ImageReference) -> None:
    painted(path, image)
    file = path / "project.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema_version": 3}))
    with pytest.raises(Problem, match="newer napari-densify"):
        ProjectFolder(path, image)
    assert json.loads(file.read_text())["schema_version"] == 3


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


def test_the_hash_tells_values_shapes_and_types_apart() -> None:
    data = np.arange(1000, dtype=np.uint16).reshape(10, 10, 10)
    variants = [data, data + 1, data.astype(np.int16), data.reshape(5, 20, 10), data[::-1]]
    assert len({content_hash(Volume(v)) for v in variants}) == len(variants)
    assert content_hash(Volume(data)) == content_hash(Volume(data.copy(order="F")))


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


def test_the_ring_keeps_three_models_and_refuses_a_changed_one(tmp_path: Path) -> None:
    ring = ModelRing(tmp_path / "model")
    assert ring.newest() == (None, 0)
    for value in range(5):
        ring.save(model(value))
    assert [number for number, _, _ in ring.files()] == [3, 4, 5]
    assert ring.newest() == (model(4), 0)
    file = ring.files()[-1][2]
    changed = bytearray(file.read_bytes())
    changed[-1] ^= 1
    file.write_bytes(changed)
    assert ring.newest() == (model(3), 1)
    ring.clear()
    assert ring.newest() == (None, 0)


def test_a_pickle_is_no_model(tmp_path: Path) -> None:
    ring = ModelRing(tmp_path / "model")
    ring.save(model(1))
    content = pickle.dumps({"weight": [1.0]})
    digest = hashlib.sha256(content).hexdigest()[:16]
    (ring.folder / f"0002-{digest}.safetensors").write_bytes(content)
    assert ring.newest() == (model(1), 1)


def test_the_history_drops_a_torn_line(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    assert read_history(file) == []
    entries = [Entry(time="now", steps=n, loss=0.5) for n in range(3)]
    append_history(file, entries)
    assert read_history(file) == entries
    file.write_bytes(file.read_bytes()[:-4])
    append_history(file, entries[:1])
    assert read_history(file) == [*entries[:2], entries[0]]
    append_history(file, [Entry(event="forgotten", time="now"), entries[2]])
    assert read_history(file) == [entries[2]]


def old_record(edit: Edit) -> bytes:
    """A record of a version-1 journal."""
    body = io.BytesIO()
    np.savez_compressed(
        body,
        where=np.diff(edit.where, prepend=0),
        before=edit.before,
        after=edit.after,
        rounds=np.array([edit.round_before, edit.round_after]),
        undoes=np.array(edit.undoes),
    )
    return struct.pack("<II", len(body.getvalue()), zlib.crc32(body.getvalue())) + body.getvalue()


def old_project(path: Path, image: ImageReference, annotation: Annotation, stored: bool) -> None:
    """A version-1 project: a journal, or as the command line made it, arrays."""
    path.mkdir()
    described = {
        "schema_version": 1,
        "image": image.model_dump(mode="json"),
        "classes": [row.model_dump(mode="json") for row in CLASSES],
        "round": annotation.round,
        "steps": 321,
        "widths": [16, 32],
    }
    (path / "project.json").write_text(json.dumps(described))
    (path / "model").mkdir()
    (path / "model" / "latest.safetensors").write_bytes(model(1))
    if stored:
        group = zarr.open_group(path / "annotation.zarr", mode="w")
        names = (("labels", "label"), ("rounds", "round"), ("wrong", "wrong"))
        for name, field in names:
            group.create_array(name, data=np.ascontiguousarray(annotation.marks[field]))
    else:
        records = b"".join(map(old_record, annotation.history()))
        (path / "journal").write_bytes(b"DENSIFY1" + records + b"torn")


@pytest.mark.parametrize("stored", [False, True])
def test_a_project_of_version_1_is_brought_up(
    path: Path, image: ImageReference, stored: bool
) -> None:
    annotation = Annotation(image.shape)
    for start, label, late in ((0, 1, False), (10, 2, True), (20, 0, False)):
        annotation.apply(change(annotation, start, label, late))
    undo = annotation.undo()
    assert undo is not None
    annotation.apply(undo)
    old_project(path, image, annotation, stored)
    before = (path / "project.json").read_bytes()
    folder = ProjectFolder(path, image)
    assert "brought up to the present version" in " ".join(folder.notes)
    if stored:
        np.testing.assert_array_equal(folder.annotation.marks, annotation.marks)
        assert folder.annotation.round == annotation.round
    else:
        assert_same(folder.annotation, annotation)
    assert folder.learned.read_model() == model(1)
    assert folder.description.classes == CLASSES
    assert folder.description.learning.widths == (16, 32)
    folder.commit(change(folder.annotation, 600, 4))
    folder.close()
    assert (path / "version-1" / "project.json").read_bytes() == before
    again = ProjectFolder(path, image)
    assert not again.notes
    np.testing.assert_array_equal(again.annotation.marks, folder.annotation.marks)
    again.close()


def test_a_migration_that_was_cut_short_begins_again(path: Path, image: ImageReference) -> None:
    annotation = Annotation(image.shape)
    annotation.apply(change(annotation, 0, 1))
    old_project(path, image, annotation, stored=False)
    before = (path / "project.json").read_bytes()
    ProjectFolder(path, image).close()
    (path / "project.json").write_bytes(before)  # as if it had died just before the last step
    folder = ProjectFolder(path, image)
    assert_same(folder.annotation, annotation)
    assert folder.learned.read_model() == model(1)
    folder.close()
