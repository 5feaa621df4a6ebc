"""What a session writes beside the edits."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_densify.cases import disk, kept
from napari_densify.cases.box import Box
from napari_densify.cases.checked import NAME as CHECKED
from napari_densify.cases.checked import Checked, read_checked
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.plane import Plane
from napari_densify.cases.reference import describe
from napari_densify.cases.summary import Summary, read_summary, write_summary
from napari_densify.cases.volume import Volume, content_hash
from napari_densify.session.keeping import SAVE_EVERY, SNAPSHOT_EVERY, Keeping
from napari_densify.session.news import News, Phase, Status
from napari_densify.session.session import Session


class Clock:
    """A clock that stands until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def project(phantom: Volume, tmp_path: Path) -> ProjectFolder:
    about = describe(phantom, None, content_hash(phantom))
    return ProjectFolder(tmp_path / "a.densify", about)


def paint(project: ProjectFolder, label: int) -> None:
    edit = project.annotation.change(np.arange(50), label)
    assert edit is not None
    project.commit(edit)


def test_a_snapshot_every_quarter_of_an_hour_of_work(project: ProjectFolder) -> None:
    clock = Clock()
    keeping = Keeping(project, np.zeros(project.annotation.shape, np.uint8), clock)
    for label, after, count in ((1, 0.5, 0), (2, 1.0, 1), (None, 2.0, 1), (3, 3.0, 2)):
        if label is not None:
            paint(project, label)
        clock.now = after * SNAPSHOT_EVERY
        assert not list(keeping.tick())
        assert len(project.snapshots.list()) == count
    assert not list(keeping.finish())


def test_what_cannot_be_written_is_said_once_and_written_later(
    project: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, prediction = Clock(), np.zeros(project.annotation.shape, np.uint8)
    keeping = Keeping(project, prediction, clock)
    paint(project, 1)
    prediction[3] = 2
    keeping.changed(Box((3, 0, 0), (4, 28, 32)))
    keeping.follow(Status(Phase.TRAINING, steps=7, loss=0.5, train_seconds=2.0), shown=True)

    def full(file: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    said = []
    with monkeypatch.context() as patch:
        patch.setattr(disk, "replace", full)
        keeping.check(Checked().mark(Plane(1, 5)))
        keeping.say("done")
        for turn in range(1, 4):
            clock.now = turn * SAVE_EVERY
            said += list(keeping.tick())
    assert len(said) == 1
    assert "make room" in said[0].sentence
    assert not list(keeping.finish())
    found = np.zeros_like(prediction)
    project.learned.read_prediction(found)
    np.testing.assert_array_equal(found, prediction)
    events = [(entry.event, entry.steps) for entry in project.learned.read_history()]
    assert events == [("learned", 7), ("shown", 7)]
    assert read_summary(project.path).mark == "done"
    assert read_checked(project.path, project.annotation.shape) == Checked().mark(Plane(1, 5))


def test_what_cannot_be_written_is_not_tried_again_at_every_turn(
    project: ProjectFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock, tried = Clock(), Counter[str]()
    keeping = Keeping(project, np.zeros(project.annotation.shape, np.uint8), clock)
    monkeypatch.setattr(kept, "FOLD_EDITS", 1)
    paint(project, 1)

    def refuse(what: str) -> Callable[..., None]:
        def full(*about: object) -> None:
            tried[what] += 1
            raise OSError(errno.ENOSPC, "No space left on device")

        return full

    said: list[News] = []
    with monkeypatch.context() as patch:
        patch.setattr("napari_densify.session.keeping.write_checked", refuse("checked"))
        patch.setattr(project, "fold", refuse("fold"))
        keeping.check(Checked().mark(Plane(1, 5)))
        assert tried.pop("checked") == 1
        for quarter in range(9):  # the prediction has nothing to write, and that does not fail
            clock.now = quarter * SAVE_EVERY / 4
            said += list(keeping.tick())
        assert tried == {"checked": 3, "fold": 3}
    assert len(said) == 1
    assert len(caplog.records) == 1
    clock.now += SAVE_EVERY
    assert not list(keeping.tick())
    assert read_checked(project.path, project.annotation.shape) == Checked().mark(Plane(1, 5))
    assert not project.due
    assert not list(keeping.finish())


def test_checked_slices_are_there_again(project: ProjectFolder, phantom: Volume) -> None:
    session = Session(phantom, project=project)
    session.check(Plane(0, 3))  # before there is a folder to keep it in
    session.paint(np.arange(9), 1)
    session.check(Plane(2, 8))
    session.check(Plane(0, 3), False)
    session.close()
    again = ProjectFolder(project.path)
    assert Session(phantom, project=again).checked == Checked(slices=((), (), (8,)))
    again.close()
    (project.path / CHECKED).write_bytes(b"?")
    again = ProjectFolder(project.path)
    assert Session(phantom, project=again).checked == Checked()
    assert "which slices were checked is not known" in again.notes[-1]
    again.close()


def test_what_the_user_says_is_on_the_disk_at_once(project: ProjectFolder) -> None:
    paint(project, 2)
    clock = Clock()
    keeping = Keeping(project, np.zeros(project.annotation.shape, np.uint8), clock)
    keeping.check(Checked().mark(Plane(1, 5)))
    assert read_checked(project.path, project.annotation.shape) == Checked().mark(Plane(1, 5))
    write_summary(project.path, Summary(volumes={2: 7}))
    keeping.say("checked")
    assert read_summary(project.path) == Summary(mark="checked", painted=50, volumes={2: 7})
    edit = project.annotation.change(np.arange(60), 2)
    assert edit is not None
    project.commit(edit)
    clock.now = SAVE_EVERY
    assert not list(keeping.tick())
    assert read_summary(project.path).painted == 60
    project.close()


def test_what_was_asked_for_is_done_although_no_turn_comes_any_more(project: ProjectFolder) -> None:
    paint(project, 2)
    keeping = Keeping(project, np.zeros(project.annotation.shape, np.uint8))
    keeping.take_snapshot("before lunch")
    assert not list(keeping.finish())
    assert [each.name for each in project.snapshots.list()] == ["before lunch"]
