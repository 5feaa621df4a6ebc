"""Training at the command line: from which image, until when."""

from __future__ import annotations

import shlex
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.formats import read_any, write_volume
from napari_densify.cases.learned import Learned
from napari_densify.cases.place import case_with, cases_of
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Project
from napari_densify.cases.reference import describe
from napari_densify.cases.stored import read_annotation
from napari_densify.cases.volume import Volume, content_hash
from napari_densify.cli import app
from napari_densify.cli.case import find_image
from napari_densify.learn import trainer
from napari_densify.session.news import News, Phase, Status
from napari_densify.session.session import Session
from tests.cases.dicom_files import write_series
from tests.cases.test_round_trips import PLACES

from .conftest import Run, table


def test_training_ends_once_it_has_learned_what_is_painted(
    project: Path, tmp_path: Path, densify: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "RESTS", 0.05)
    image, painted = project.parent / "ct.nii.gz", project.parent / "painted.nii.gz"
    out = tmp_path / "other.densify"
    status, _, err = densify("train", image, painted, "--out", out, "--seconds", 1_000_000)
    assert status == 0, err
    assert out.is_dir()


def test_a_project_of_the_same_image_is_not_begun_again_and_the_way_on_is_said(
    project: Path, densify: Run
) -> None:
    image, painted = project.parent / "ct.nii.gz", project.parent / "painted.nii.gz"
    with pytest.raises(Problem, match=r"exists already: `napari-densify add .*` goes on with it"):
        densify("train", image, painted, "--out", project, "--seconds", 1)
    with pytest.raises(Problem, match="exists already; choose another name"):
        densify("train", painted, painted, "--out", project, "--seconds", 1)


def test_channels_that_are_images_of_their_own_are_found_on_the_disk(
    tmp_path: Path, phantom: Volume
) -> None:
    parts = [phantom.data, phantom.data + 1]
    stack = []
    for name, data in zip("ab", parts, strict=True):
        write_volume(tmp_path / f"{name}.nii.gz", Volume(data))
        stack.append((tmp_path / f"{name}.nii.gz", content_hash(Volume(data))))
    both = Volume(np.stack(parts))
    about = describe(both, tmp_path / "a.nii.gz", content_hash(both), stack)
    found = find_image(tmp_path, about)
    assert found is not None
    np.testing.assert_array_equal(found[0].channels, both.channels)
    assert found[1] == tmp_path / "a.nii.gz"
    write_volume(tmp_path / "b.nii.gz", Volume(parts[0]))
    assert find_image(tmp_path, about) is None, "it is another image now"


def test_a_further_case_learns_from_a_dicom_series_too(
    tmp_path: Path, phantom: Volume, truth: NDArray[np.uint8], densify: Run
) -> None:
    series = replace(PLACES["rotated"], data=(phantom.data * 100).astype(np.int16))
    write_series(tmp_path / "scan", series)
    volume = read_any(tmp_path / "scan")
    painted = np.zeros(volume.shape, np.uint8)
    painted[9] = truth[9] + 1
    write_volume(tmp_path / "painted.nii.gz", volume.like(painted))
    write_volume(tmp_path / "next.nii.gz", volume.like(volume.data + 5))
    home = tmp_path / "x.densify"
    first = (tmp_path / "scan", tmp_path / "painted.nii.gz", "--out", home, "--seconds", 0.2)
    assert densify("train", *first)[0] == 0
    further = (home, tmp_path / "next.nii.gz", tmp_path / "painted.nii.gz", "--seconds", 0.2)
    status, _, said = densify("add", *further)
    assert status == 0
    assert "not where it was" not in said


def test_labels_that_lie_elsewhere_are_not_learned_from(project: Path, tmp_path: Path) -> None:
    image, painted = project.with_name("ct.nii.gz"), read_any(project.with_name("painted.nii.gz"))
    write_volume(tmp_path / "painted.nii.gz", replace(painted, origin=(500.0, 0.0, 0.0)))
    run = ["train", image, tmp_path / "painted.nii.gz", "--out", tmp_path / "x.densify"]
    with pytest.raises(Problem, match="lies elsewhere"):
        app([*map(str, run)], standalone_mode=False)


def add_with_a_new_class(project: Path, tmp_path: Path, densify: Run) -> Path:
    """A copy of the project with a further case in which class 5 is painted, too."""
    shutil.copytree(project.parent, tmp_path / "p")
    home = tmp_path / "p" / "ct.densify"
    image, painted = (read_any(home.with_name(f"{n}.nii.gz")) for n in ("ct", "painted"))
    labels = painted.data.copy()
    labels[9, :4, :4] = 5
    write_volume(tmp_path / "p" / "next.nii.gz", image.like(image.data[:, ::-1] * 3))
    write_volume(tmp_path / "p" / "five.nii.gz", image.like(labels))
    files = (home.with_name("next.nii.gz"), home.with_name("five.nii.gz"))
    assert densify("add", home, *files, "--seconds", 0.2)[0] == 0
    return home


def test_a_class_that_a_further_case_brings_gets_a_row(
    project: Path, tmp_path: Path, densify: Run
) -> None:
    home = add_with_a_new_class(project, tmp_path, densify)
    rows = {row.label: row.name for row in Project.read(home).classes}
    assert rows == {1: "background", 2: "structure 1", 3: "structure 2", 5: "structure 4"}
    out = ("--case", "next", "--out", tmp_path / "x.csv")
    assert densify("export", home, *out)[0] == 0
    assert "4" in [row["label"] for row in table(tmp_path / "x.csv")]


@pytest.fixture
def in_front() -> Iterator[None]:
    """As a program that a terminal's keys reach; one in the background is not interrupted."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("in_front")
@pytest.mark.parametrize("presses", [1, 2])
@pytest.mark.parametrize("command", ["train", "add"])
def test_what_ctrl_c_says_goes_on(
    project: Path,
    tmp_path: Path,
    densify: Run,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    presses: int,
) -> None:
    """At the second press it does not wait for the model; nothing painted is lost for that."""
    shutil.copytree(project.parent, tmp_path / "the scans")
    home, painted = (tmp_path / "the scans" / name for name in ("ct.densify", "painted.nii.gz"))
    image = read_any(home.with_name("ct.nii.gz"))
    further = home.with_name("next.nii.gz")
    write_volume(further, image.like(image.data[:, ::-1] * 3))
    if command == "train":
        home = home.with_name("new.densify")
        run = ("train", further, painted, "--out", home)
    else:
        run = ("add", home, further, painted)
    take, trained = Session.take, []

    def interrupt(session: Session, news: News) -> None:
        take(session, news)
        training = isinstance(news, Status) and news.phase == Phase.TRAINING
        if training and news.steps > 2 and not trained:
            trained.append(news.steps)
            for _ in range(presses):
                signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "take", interrupt)
        status, _, said = densify(*run, "--seconds", 1000)
    assert (status, len(trained)) == (130, 1), said
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    case = case_with(home, content_hash(read_any(further)))
    assert case is not None
    there = read_annotation(case, image.shape)[0].labels
    np.testing.assert_array_equal(there, read_any(painted).data)
    if presses == 1:
        assert Learned(home, image.shape).read_model()
    (line,) = said.strip().splitlines()
    before, seen = len(cases_of(home)), list[Status]()

    def note(session: Session, news: News) -> None:
        take(session, news)
        if isinstance(news, Status):
            seen.append(news)

    monkeypatch.setattr(Session, "take", note)
    status, _, said = densify(*shlex.split(line.split("`")[1])[1:], "--seconds", 1)
    assert status == 0, said
    assert len(cases_of(home)) == before
    assert "not where it was" not in said
    assert any(news.complete for news in seen), "all of it is predicted"
    assert presses == 2 or max(news.steps for news in seen) >= trained[0]


def test_a_case_is_not_learned_from_twice_when_it_is_added_again(
    project: Path, tmp_path: Path, densify: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = add_with_a_new_class(project, tmp_path, densify)
    monkeypatch.chdir(home.parent)
    others = []
    learner = Session.__init__

    def note(session: Session, *given: Any, **named: Any) -> None:
        others.append(len(named["others"]))
        learner(session, *given, **named)

    monkeypatch.setattr(Session, "__init__", note)
    files = ("ct.densify", "next.nii.gz", "five.nii.gz", "--seconds", 0.2)
    assert densify("add", *files)[0] == 0
    assert others == [1]


def test_a_project_that_is_open_elsewhere_is_not_added_to(
    project: Path, tmp_path: Path, densify: Run
) -> None:
    shutil.copytree(project.parent, tmp_path / "p")
    home = tmp_path / "p" / "ct.densify"
    window = ProjectFolder(home)
    files = (home.with_name("ct.nii.gz"), home.with_name("painted.nii.gz"))
    with pytest.raises(Problem, match="open in another window"):
        densify("add", home, *files, "--seconds", 0.2)
    window.close()


def test_a_moved_image_is_learned_from_where_it_is_named(
    project: Path, tmp_path: Path, densify: Run
) -> None:
    shutil.copytree(project.parent, tmp_path / "p")
    home = tmp_path / "p" / "ct.densify"
    image = read_any(home.with_name("ct.nii.gz"))
    write_volume(tmp_path / "next.nii.gz", image.like(image.data[:, ::-1] * 3))
    moved = home.with_name("ct.nii.gz").rename(tmp_path / "moved.nii.gz")
    files = (tmp_path / "next.nii.gz", home.with_name("painted.nii.gz"), "--seconds", 0.2)
    status, _, said = densify("add", home, *files, "--image", tmp_path / "next.nii.gz",
                              "--image", moved)  # fmt: skip
    assert status == 0
    assert "not where it was" not in said
    with pytest.raises(Problem, match="There is no file"):
        densify("add", home, *files, "--image", tmp_path / "absent.nii.gz")
