"""A clock that is set back, again and again, while somebody paints."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from bench.faults.stage import LABELS, Story, act, open_project, phantom, same, told
from bench.faults.tally import Lost, Tally, Wrong
from napari_densify.cases import history, hold
from napari_densify.session.session import Session

BEGIN = datetime.datetime(2031, 5, 1, 12)


def clocks(place: Path, count: int, seed: int = 0) -> Tally:
    """`count` sessions, each with a clock that jumps back before everything that is written."""
    tally = Tally("clock set back")
    for number in range(count):
        with tally.case(f"seed {seed + number}"):
            one_session(place / f"{number}.densify", np.random.default_rng(seed + number))
    return tally


def one_session(folder: Path, rng: np.random.Generator) -> None:
    """Two lives in which the clock only goes back; the later one is still the later one.

    Raises
    ------
    Lost or Wrong
    """
    story, model = Story(), b""
    with falling_clock(rng):
        for life in range(2):
            project = told(folder, story)
            session = Session(phantom(), LABELS, project=project)
            for turn in range(4):
                act(session, rng)
                session.paint(np.arange(turn + 2), 2 + life)
                project.take_snapshot(f"{life} {turn}")
                model = bytes(save({"weight": np.full(9, 4 * life + turn, np.float32)}))
                project.learned.save_model(model)
                if rng.random() < 0.5:
                    project.fold()
            session.close()
            for file in folder.rglob("*"):
                moment = float(rng.uniform(0, 2e9))
                os.utime(file, (moment, moment))
    project = open_project(folder)
    project.close()
    if not same(project.annotation, story.sure):
        raise Lost(f"number {project.number}, told of {story.strokes}")
    if project.learned.read_model() != model:
        raise Wrong("an older model is taken for the newest")
    if [s.name for s in project.snapshots.list()] != [f"{a} {b}" for a in (0, 1) for b in range(4)]:
        raise Wrong("snapshots are in another order")
    if project.notes:
        raise Wrong(" ".join(project.notes))


@contextmanager
def falling_clock(rng: np.random.Generator) -> Iterator[None]:
    """Let every look at the clock show an earlier time than the one before."""
    shown = [BEGIN]

    class Falling(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            shown.append(shown[-1] - datetime.timedelta(seconds=float(rng.uniform(1, 1e6))))
            return shown[-1]

    class Clock:
        datetime = Falling

    real = history.datetime, hold.datetime
    history.datetime = hold.datetime = Clock
    try:
        yield
    finally:
        history.datetime, hold.datetime = real
