from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import (
    ImageReference,
    Label,
    Project,
    check_target,
    describe,
    read_annotation,
    read_model,
)
from napari_densify.cases.volume import Volume

SHAPE = (9, 70, 11)
"""More than one chunk along y."""


@pytest.fixture
def annotation() -> Annotation:
    """Two rounds of strokes, the second over a mistake."""
    annotation = Annotation(SHAPE)
    for where, label, late in ((range(40), 1, False), (range(30, 60), 2, True)):
        edit = annotation.change(np.array(where), label, wrong=late, new_round=late)
        assert edit is not None
        annotation.apply(edit)
    return annotation


@pytest.fixture
def project(annotation: Annotation) -> Project:
    """The description that belongs to the annotation."""
    return Project(
        image=ImageReference(path="/data/scan.nii.gz", shape=SHAPE, spacing=(2.5, 1.0, 1.0)),
        classes=[Label(label=1, name="background"), Label(label=2, name="nerve")],
        round=annotation.round,
        steps=321,
        widths=(16, 32),
    )


def write(project: Project, folder: Path, annotation: Annotation) -> None:
    project.write(folder, annotation, np.ones(SHAPE, np.uint8), b"model")


def test_a_project_comes_back_as_it_was(
    project: Project, annotation: Annotation, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "scan.densify"
    write(project, folder, annotation)
    assert Project.read(folder) == project
    assert read_model(folder) == b"model"
    copy = Annotation(SHAPE)
    copy.apply(read_annotation(folder, project))
    np.testing.assert_array_equal(copy.marks, annotation.marks)
    np.testing.assert_array_equal(copy.weights(), annotation.weights())
    assert copy.round == annotation.round == 1


def test_writing_again_replaces_the_old_one_whole(
    project: Project, annotation: Annotation, tmp_path: Path
) -> None:
    folder = tmp_path / "scan.densify"
    write(project, folder, annotation)
    later = project.model_copy(update={"steps": 999})
    later.write(folder, Annotation(SHAPE), np.ones(SHAPE, np.uint8), None)
    assert Project.read(folder).steps == 999
    assert read_annotation(folder, later).where.size == 0
    with pytest.raises(Problem, match="no trained model"):
        read_model(folder)
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_with_something_else_in_it_is_left_alone(
    project: Project, annotation: Annotation, tmp_path: Path
) -> None:
    folder = tmp_path / "holidays"
    folder.mkdir()
    (folder / "photo.jpg").write_bytes(b"precious")
    with pytest.raises(Problem, match="is not a Densify project"):
        write(project, folder, annotation)
    assert [file.name for file in folder.iterdir()] == ["photo.jpg"]


@pytest.mark.parametrize("parent", ["file", "file/deeper", "/proc", "/proc/none"])
def test_a_folder_that_cannot_be_written_is_refused(
    project: Project, annotation: Annotation, tmp_path: Path, parent: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    folder = tmp_path / parent / "scan.densify"
    with pytest.raises(Problem, match="Cannot write"):
        check_target(folder)
    with pytest.raises(Problem, match="Cannot write"):
        write(project, folder, annotation)
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_what_is_no_project_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(Problem, match="is not a Densify project"):
            Project.read(folder)


@pytest.mark.parametrize("text", ["", "{}", "hello", '{"schema_version": 2}'])
def test_a_damaged_or_newer_description_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    file = tmp_path / "project.json"
    file.write_text(text)
    with pytest.raises(Problem, match="left as it is"):
        Project.read(tmp_path)
    assert file.read_text() == text


@pytest.mark.parametrize("damage", ["gone", "other shape", "no field"])
def test_a_damaged_annotation_is_refused(
    project: Project, annotation: Annotation, tmp_path: Path, damage: str
) -> None:
    folder = tmp_path / "scan.densify"
    write(project, folder, annotation)
    store = folder / "annotation.zarr"
    if damage == "gone":
        shutil.rmtree(store)
    elif damage == "no field":
        shutil.rmtree(store / "rounds")
    else:
        larger = project.image.model_copy(update={"shape": (9, 71, 11)})
        project = project.model_copy(update={"image": larger})
    with pytest.raises(Problem, match=r"annotation in .* is damaged"):
        read_annotation(folder, project)


def test_a_project_knows_its_image(tmp_path: Path) -> None:
    volume = Volume(np.zeros((2, *SHAPE)), (3.0, 1.0, 2.0))
    reference = describe(volume, tmp_path / "scan.npy")
    assert reference.path == str(tmp_path / "scan.npy")
    assert (reference.shape, reference.channels) == (SHAPE, 2)
    assert reference.spacing == volume.spacing
