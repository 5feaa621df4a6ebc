"""A session on a phantom, a loop that shows its first prediction soon, and what drives it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_densify.cases.box import Box
from napari_densify.cases.plane import Plane
from napari_densify.cases.volume import Volume
from napari_densify.learn import trainer
from napari_densify.session import schedule
from napari_densify.session.link import Settings
from napari_densify.session.loop import run
from napari_densify.session.news import Block, News, Phase
from napari_densify.session.session import Session

WHOLE = Box((0, 0, 0), (24, 28, 32))
PLANES = [Plane(0, 9), Plane(1, 19), Plane(2, 16)]


@pytest.fixture
def painted(phantom: Volume, tiny: Settings, truth: NDArray[np.uint8]) -> Session:
    session = Session(phantom, settings=tiny)
    for plane in PLANES:
        paint(session, plane, truth)
    return session


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Predict after hardly any training: what is predicted does not matter."""
    for name in ("FRESH", "SLICE"):
        monkeypatch.setattr(schedule, name, 0.05)


@pytest.fixture
def soon_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing more to learn after a few steps."""
    monkeypatch.setattr(trainer, "RESTS", 0.1)


@pytest.fixture
def session(phantom: Volume, tiny: Settings) -> Session:
    """A session that is not running."""
    return Session(phantom, settings=tiny)


def complete(session: Session) -> Callable[[], bool]:
    """Whether a prediction was shown that saw all edits."""
    return lambda: session.up_to_date


def resting(session: Session) -> Callable[[], bool]:
    """Whether it is paused and has predicted everything."""
    return lambda: session.status.phase == Phase.PAUSED and session.status.complete


def block(label: int) -> Block:
    """A prediction that says the same everywhere."""
    values = np.full(WHOLE.shape, label, np.uint8)
    return Block(WHOLE, values, values)


def paint(session: Session, plane: Plane, truth: NDArray[np.uint8]) -> None:
    """Annotate a whole slice with a truth's structures, one higher."""
    labels = plane.take(truth) + 1
    where = plane.voxels(np.ones(labels.shape, bool), truth.shape)
    session.paint(where, labels.ravel().astype(np.uint8))


class Drive:
    """Takes what a session's loop yields until something is the case."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.news: Iterator[News] = run(session)

    def __call__(self, until: Callable[[], bool]) -> list[News]:
        """All news up to then; at least those of one turn."""
        taken: list[News] = []
        for item in self.news:
            self.session.take(item)
            taken.append(item)
            if until():
                return taken
        raise AssertionError("the loop ended")

    def turns(self, count: int) -> list[News]:
        """The news of some turns."""
        statuses = iter(range(count))

        def enough() -> bool:
            return next(statuses, None) is None

        return self(enough)

    def end(self) -> list[News]:
        """Stop the session and take the rest."""
        self.session.stop()
        rest = list(self.news)
        for item in rest:
            self.session.take(item)
        return rest


@pytest.fixture
def drive() -> Iterator[Callable[[Session], Drive]]:
    """Makes drives; their loops are ended after the test."""
    drives: list[Drive] = []

    def make(session: Session) -> Drive:
        drives.append(Drive(session))
        return drives[-1]

    yield make
    for each in drives:
        each.end()
