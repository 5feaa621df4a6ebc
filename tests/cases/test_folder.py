"""A project folder: made at the first edit, found again, held by one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_densify.cases.annotation import Annotation, Edit
from napari_densify.cases.folder import ProjectFolder, content_hash, place_for
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import ImageReference, Label, Project, check_target
from napari_densify.cases.volume import Volume

CLASSES = [Label(label=1, name="background"), Label(label=2, name="liver", colour="#123456")]


def reference(volume: Volume) -> ImageReference:
    return ImageReference(
        path="", shape=volume.shape, spacing=volume.spacing, content=content_hash(volume)
    )


def stroke(annotation: Annotation, start: int, label: int) -> Edit:
    edit = annotation.change(np.arange(start, start + 30), label)
    assert edit is not None
    annotation.apply(edit)
    return edit


def test_nothing_is_written_before_the_first_edit(tmp_path: Path, phantom: Volume) -> None:
    folder = ProjectFolder(tmp_path / "a.densify", reference(phantom), CLASSES)
    folder.save_model(b"model")
    folder.save_classes(CLASSES)
    folder.close()
    assert not list(tmp_path.iterdir())


def test_edits_model_and_classes_are_found_again(tmp_path: Path, phantom: Volume) -> None:
    path, annotation = tmp_path / "a.densify", Annotation(phantom.shape)
    folder = ProjectFolder(path, reference(phantom), CLASSES[:1])
    for start, label in ((0, 1), (10, 2), (20, 0)):
        folder.append(stroke(annotation, start, label))
    undo = annotation.undo()
    assert undo is not None
    annotation.apply(undo)
    folder.append(undo)
    folder.save_model(b"model")
    folder.save_classes(CLASSES)
    folder.close()
    again, found = ProjectFolder(path, reference(phantom), []), Annotation(phantom.shape)
    for edit in again.edits:
        found.apply(edit)
    np.testing.assert_array_equal(found.marks, annotation.marks)
    assert found.redo() is not None, "what was undone can be redone"
    assert again.model == b"model"
    assert again.description.classes == CLASSES
    assert not again.torn
    again.close()
    assert Project.read(path).image.content == content_hash(phantom)


def test_a_project_that_was_painted_in_is_not_overwritten(tmp_path: Path, phantom: Volume) -> None:
    folder = ProjectFolder(tmp_path / "a.densify", reference(phantom), CLASSES)
    folder.append(stroke(Annotation(phantom.shape), 0, 1))
    folder.close()
    with pytest.raises(Problem, match="choose another name"):
        check_target(tmp_path / "a.densify")


def test_another_image_is_refused(tmp_path: Path, phantom: Volume) -> None:
    folder = ProjectFolder(tmp_path / "a.densify", reference(phantom), CLASSES)
    folder.append(stroke(Annotation(phantom.shape), 0, 1))
    folder.close()
    other = Volume(np.asarray(phantom.data) + 1)
    with pytest.raises(Problem, match="another image"):
        ProjectFolder(tmp_path / "a.densify", reference(other), CLASSES)


def test_two_windows_and_a_stale_lock(tmp_path: Path, phantom: Volume) -> None:
    path = tmp_path / "a.densify"
    folder = ProjectFolder(path, reference(phantom), CLASSES)
    folder.append(stroke(Annotation(phantom.shape), 0, 1))
    with pytest.raises(Problem, match="another window"):
        ProjectFolder(path, reference(phantom), CLASSES)
    folder.close()
    script = (
        "import os, sys\n"
        "from filelock import FileLock\n"
        "FileLock(sys.argv[1]).acquire()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, path / "lock"], check=False)
    ProjectFolder(path, reference(phantom), CLASSES).close()


def test_its_place(tmp_path: Path, phantom: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert place_for(phantom, tmp_path / "ct.nii.gz", "0" * 64) == tmp_path / "ct.densify"
    for source in (None, Path("/proc/1/image.nii")):
        place = place_for(Volume(phantom.data, name="a b/c"), source, "abcdef0123")
        assert place.name == "a-b-c-abcdef01.densify"
        assert tmp_path / "data" in place.parents


def test_the_hash_tells_values_shapes_and_types_apart() -> None:
    data = np.arange(1000, dtype=np.uint16).reshape(10, 10, 10)
    variants = [data, data + 1, data.astype(np.int16), data.reshape(5, 20, 10), data[::-1]]
    assert len({content_hash(Volume(v)) for v in variants}) == len(variants)
    assert content_hash(Volume(data)) == content_hash(Volume(data.copy(order="F")))
