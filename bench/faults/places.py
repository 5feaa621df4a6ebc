"""Folders that may only be read, vanish, or are put back while somebody paints."""

from __future__ import annotations

import errno
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np

from bench.faults.full import describe_anew, keep_all
from bench.faults.stage import LABELS, Story, act, look, open_project, phantom, same, told
from bench.faults.system import Refusing
from bench.faults.tally import Lost, Tally, Wrong
from napari_densify.cases.problem import Problem
from napari_densify.session.session import Session


def places(place: Path, count: int, seed: int = 0) -> Tally:
    """`count` cases in turn: read-only, gone, gone and put back, gone and saved elsewhere."""
    tally = Tally("read-only and vanished folders")
    cases = (read_only, vanished, put_back, saved_elsewhere)
    for number in range(count):
        case = cases[number % len(cases)]
        with tally.case(f"{case.__name__}, seed {seed + number}"):
            case(place / f"{number}" / "a.densify", np.random.default_rng(seed + number))
    return tally


def begun(folder: Path, rng: np.random.Generator) -> tuple[Session, Story]:
    """A session in which something was painted and, half of the time, folded."""
    folder.parent.mkdir(parents=True)
    story = Story()
    project = told(folder, story)
    session = Session(phantom(), LABELS, project=project)
    for _ in range(rng.integers(2, 12)):
        act(session, rng)
    session.paint(np.arange(9), 2)
    if rng.random() < 0.5:
        project.fold()
    return session, story


def read_only(folder: Path, rng: np.random.Generator) -> None:
    """It can be looked at; what is painted is refused with a sentence, files stay as they are.

    The system is played: to whoever runs this as root, no folder is read-only.
    """
    session, story = begun(folder, rng)
    session.close()
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    with Refusing(folder, 0, errno.EROFS, lasting=True):
        project = open_project(folder)
        if not project.read_only or not same(project.annotation, story.sure):
            raise Wrong("it cannot be looked at as it is")
        shown = Session(phantom(), LABELS, project=project)
        refused(lambda: shown.paint(np.arange(3), 3))
        project.close()
    if before != {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}:
        raise Wrong("a file was changed")


def vanished(folder: Path, rng: np.random.Generator) -> None:
    """Everything that is written from then on is refused, and nothing appears in its place."""
    session, story = begun(folder, rng)
    assert session.project is not None
    shutil.rmtree(folder)
    refused(lambda: session.paint(np.arange(3), 3))
    keep_trying(session)
    if folder.exists():
        raise Wrong("something was written where the project was")
    if not same(session.annotation, story.sure):
        raise Lost("what was painted before is not in memory any more")
    session.close()


def put_back(folder: Path, rng: np.random.Generator) -> None:
    """It goes on where it was."""
    session, story = begun(folder, rng)
    away = folder.with_name("away")
    folder.rename(away)
    refused(lambda: session.paint(np.arange(3), 3))
    keep_trying(session)
    away.rename(folder)
    for _ in range(5):
        act(session, rng)
    session.close()
    look(folder, story)


def saved_elsewhere(folder: Path, rng: np.random.Generator) -> None:
    """“Save as” writes all that is in memory to another place."""
    session, story = begun(folder, rng)
    assert session.project is not None
    shutil.rmtree(folder)
    refused(lambda: session.paint(np.arange(3), 3))
    session.project.move(folder.with_name("b.densify"))
    session.paint(np.arange(3, 7), 3)
    session.close()
    project = open_project(folder.with_name("b.densify"))
    project.close()
    if not np.array_equal(project.annotation.marks, story.sure.marks):
        raise Lost("what was saved elsewhere is not what was painted")


def keep_trying(session: Session) -> None:
    """What a session writes by itself, again and again."""
    assert session.project is not None
    for turn in range(2):
        with suppress(Problem):
            describe_anew(session.project, turn)
        keep_all(session.project, turn)
        with suppress(Problem):
            session.undo()


def refused(stroke: object) -> None:
    """Paint what must be refused with a sentence."""
    assert callable(stroke)
    try:
        stroke()
    except Problem:
        return
    raise Wrong("a stroke counts that cannot have been written")
