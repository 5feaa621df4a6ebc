"""A loop that shows its first prediction soon, and what drives it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_densify.cases.plane import Plane
from napari_densify.session import schedule
from napari_densify.session.news import News
from napari_densify.session.session import Session

PLANES = [Plane(0, 9), Plane(1, 19), Plane(2, 16)]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Predict after hardly any training: what is predicted does not matter."""
    for name in ("FRESH", "SLICE"):
        monkeypatch.setattr(schedule, name, 0.05)


def paint(session: Session, plane: Plane, truth: NDArray[np.uint8]) -> None:
    """Annotate a whole slice with a truth's structures, one higher."""
    labels = plane.take(truth) + 1
    where = plane.voxels(np.ones(labels.shape, bool), truth.shape)
    session.paint(where, labels.ravel().astype(np.uint8))


class Drive:
    """Takes what a session's loop yields until something is the case."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.news: Iterator[News] = session.run()

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
