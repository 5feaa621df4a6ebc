"""A project's description, and where projects may be written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_densify.cases.place import check_target
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label, Learning, Project
from napari_densify.cases.reference import ImageReference, beside, describe
from napari_densify.cases.volume import Volume

SHAPE = (9, 70, 11)


@pytest.fixture
def project() -> Project:
    return Project(
        image=ImageReference(path="/data/scan.nii.gz", shape=SHAPE, spacing=(2.5, 1.0, 1.0)),
        classes=(Label(label=1, name="background"), Label(label=2, name="nerve – “left”")),
        learning=Learning(strength=2.5, widths=(16, 32)),
    )


def test_a_description_comes_back_as_it_was(project: Project, tmp_path: Path) -> None:
    project.write(tmp_path)
    assert Project.read(tmp_path) == project
    later = project.model_copy(update={"learning": Learning()})
    later.write(tmp_path)
    assert Project.read(tmp_path) == later
    assert [file.name for file in tmp_path.iterdir()] == ["project.json"]


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "holidays"
    folder.mkdir()
    (folder / "photo.jpg").write_bytes(b"precious")
    for target in (folder, folder / "photo.jpg"):
        with pytest.raises(Problem, match="exists already; choose another name"):
            check_target(target)
    assert [file.name for file in folder.iterdir()] == ["photo.jpg"]


@pytest.mark.parametrize(
    "parent",
    [
        "file",
        "file/deeper",
        "/proc",
        "/proc/none",
    ],
)
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, parent: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Problem, match="Cannot write"):
        check_target(tmp_path / parent / "scan.densify")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_a_target_is_checked_without_leaving_anything(tmp_path: Path) -> None:
    check_target(tmp_path / "new" / "deeper" / "scan.densify")
    assert not list(tmp_path.iterdir())


def test_what_is_no_project_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(Problem, match="is not a Densify project"):
            Project.read(folder)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "hello", '{"schema_version": 2}', '{"schema_version": "2"}', "[" * 100_000],
)
def test_a_damaged_description_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    file = tmp_path / "project.json"
    file.write_text(text)
    with pytest.raises(Problem, match=r"is damaged; .*left as it is"):
        Project.read(tmp_path)
    assert file.read_text() == text


def test_a_changed_description_is_noticed(project: Project, tmp_path: Path) -> None:
    project.write(tmp_path)
    file = tmp_path / "project.json"
    file.write_text(file.read_text().replace("background", "backgrounc"))
    with pytest.raises(Problem, match="is damaged"):
        Project.read(tmp_path)


def test_a_newer_project_is_refused_and_kept(project: Project, tmp_path: Path) -> None:
    project.write(tmp_path)
    file = tmp_path / "project.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema_version": 4}))
    newer = file.read_bytes()
    with pytest.raises(Problem, match=r"newer napari-densify \(schema 4\); update"):
        Project.read(tmp_path)
    assert file.read_bytes() == newer


def test_a_project_knows_its_image(tmp_path: Path) -> None:
    volume = Volume(np.zeros((2, *SHAPE)), (3.0, 1.0, 2.0))
    image = tmp_path / "scan.npy"
    reference = describe(volume, image, "abc")
    assert reference.path == str(image)
    assert (reference.shape, reference.channels, reference.content) == (SHAPE, 2, "abc")
    assert reference.spacing == volume.spacing
    near = beside(reference, tmp_path / "scan.densify")
    assert near.path == "scan.npy"
    assert near.find(tmp_path / "scan.densify") is None
    image.write_bytes(b"")
    assert near.find(tmp_path / "scan.densify") == image
    assert beside(reference, tmp_path / "elsewhere" / "scan.densify") == reference
