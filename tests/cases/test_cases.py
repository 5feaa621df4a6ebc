"""A project of several cases: folders of their own, one network, one class table, one lock."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.history import Entry
from napari_densify.cases.place import cases_of, home_of, place_in
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label, Learning, Project
from napari_densify.cases.reference import ImageReference
from napari_densify.cases.snapshot import Snapshots
from napari_densify.cases.summary import Summary, list_cases, read_summary, write_summary
from tests.cases.projects import CLASSES, assert_same, model, paint, painted


@pytest.fixture
def home(tmp_path: Path, image: ImageReference) -> Path:
    """A project with one painted case."""
    path = tmp_path / "brain.densify"
    painted(path, image)
    return path


@pytest.fixture
def other(image: ImageReference) -> ImageReference:
    return image.model_copy(update={"content": "0" * 64, "spacing": (3.0, 1.0, 1.0)})


def test_a_further_case_is_there_at_once_and_shares_what_the_project_knows(
    home: Path, other: ImageReference
) -> None:
    first = ProjectFolder(home)
    first.learned.save_model(model(0))
    first.describe(learning=Learning(strength=0.5))
    first.close()
    path = place_in(home, Path("/data/next.nii.gz"), "0" * 64)
    assert path == home / "cases" / "next.densify"
    assert home_of(path) == home
    case = ProjectFolder(path, other)
    assert case.writable
    assert cases_of(home) == [home, path]
    assert case.description.classes == CLASSES
    assert case.description.learning.strength == 0.5
    assert case.learned.read_model() == model(0)
    assert case.voxels == first.description.image.voxels
    assert case.annotation.annotated == 0
    paint(case)
    case.learned.save_model(model(1))
    case.describe(classes=[*CLASSES, Label(label=3, name="spleen")])
    case.close()
    again = ProjectFolder(path)
    assert_same(again.annotation, case.annotation)
    assert again.description.image.content == "0" * 64
    again.close()
    first = ProjectFolder(home)
    assert [c.name for c in first.description.classes] == ["background", "liver", "spleen"]
    assert first.description.image.content != "0" * 64
    assert first.learned.read_model() == model(1)
    first.close()


def test_curves_and_snapshots_are_the_case_s_own(home: Path, other: ImageReference) -> None:
    case = ProjectFolder(place_in(home, None, "0" * 64), other)
    assert case.path.name == "volume-00000000.densify"
    paint(case)
    case.learned.add_history([Entry(event="learned", time="now", steps=3)])
    case.take_snapshot("mine")
    case.close()
    first = ProjectFolder(home)
    assert first.learned.read_history() == []
    assert first.snapshots.list() == []
    assert [s.name for s in Snapshots(case.path / "snapshots", other.shape).list()] == ["mine"]
    first.close()


def test_one_window_holds_all_cases(home: Path, other: ImageReference) -> None:
    path = place_in(home, None, "0" * 64)
    ProjectFolder(path, other).close()
    first = ProjectFolder(home)
    case = ProjectFolder(path)
    assert case.read_only
    with pytest.raises(Problem, match="another window"):
        paint(case)
    case.close()
    new = ProjectFolder(home / "cases" / "third.densify", other)
    assert new.read_only
    assert not new.path.exists()
    first.close()
    case = ProjectFolder(path)
    assert not case.read_only
    case.close()


def test_a_project_moves_with_its_cases(home: Path, other: ImageReference) -> None:
    case = ProjectFolder(place_in(home, None, "0" * 64), other)
    paint(case)
    target = home.parent / "elsewhere" / "spine.densify"
    case.move(target)
    assert case.home == target
    assert case.path == target / "cases" / "volume-00000000.densify"
    assert not home.exists()
    where = np.arange(5000, 5030)
    edit = case.annotation.change(where, 1)
    assert edit is not None
    case.commit(edit)
    case.close()
    again = ProjectFolder(case.path)
    assert_same(again.annotation, case.annotation)
    again.close()
    ProjectFolder(target).close()


def test_names_do_not_collide(home: Path, other: ImageReference) -> None:
    source = Path("/data/next.tif")
    ProjectFolder(place_in(home, source, "0" * 64), other).close()
    assert place_in(home, source, "1" * 64).name == "next-2.densify"


def test_summaries_list_the_cases(home: Path, other: ImageReference) -> None:
    case = ProjectFolder(place_in(home, None, "0" * 64), other)
    case.close()
    write_summary(home, Summary(painted=5, volumes={2: 100}))
    write_summary(case.path, Summary(mark="done", painted=5))
    assert [(e.folder, e.summary.state) for e in list_cases(home)] == [
        (home, "painted"),
        (case.path, "done"),
    ]
    assert read_summary(home).volumes == {2: 100}
    file = home / "case.json"
    file.write_text(file.read_text().replace("100", "900"))
    assert read_summary(home) == Summary()
    (case.path / "project.json").write_text("{")
    assert [e.folder for e in list_cases(home)] == [home]
    assert Project.read(home).image.shape == other.shape


def test_cases_are_listed_with_the_classes_that_there_are_by_now(
    home: Path, other: ImageReference
) -> None:
    case = ProjectFolder(place_in(home, None, "0" * 64), other)
    rows = [row for row in case.description.classes if row.label not in (3, 4)]
    # 3 was merged into 4, and that into 2; 5 was deleted.
    case.describe(classes=rows, learning=Learning(folded={3: 4, 4: 2, 5: 0}))
    case.close()
    write_summary(home, Summary(painted=5, volumes={2: 100, 3: 10, 4: 1, 5: 1000}))
    first, _ = list_cases(home)
    assert first.summary.volumes == {2: 111}
    assert first.summary.painted == 5


def test_a_project_of_the_version_before_is_read_and_written_as_the_present_one(
    home: Path,
) -> None:
    file = home / "project.json"
    fields = json.loads(file.read_text())
    del fields["check"]
    file.write_text(json.dumps({**fields, "schema_version": 2}))
    project = ProjectFolder(home)
    assert project.notes == []
    project.describe(learning=Learning(strength=0.25))
    project.close()
    assert json.loads(file.read_text())["schema_version"] == 3
    assert Project.read(home).learning.strength == 0.25


def test_a_project_of_any_name_is_the_home_of_its_cases(home: Path, other: ImageReference) -> None:
    plain = home.rename(home.with_name("plain"))
    path = place_in(plain, Path("/data/next.nii.gz"), "0" * 64)
    assert home_of(path) == plain
