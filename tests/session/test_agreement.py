"""Scores from the user's own edits."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_densify.cases.plane import Plane
from napari_densify.cases.volume import Volume
from napari_densify.session.agreement import settled
from napari_densify.session.news import Phase, Status
from napari_densify.session.session import Session

from .conftest import paint


def show(session: Session, labels: NDArray[np.uint8]) -> None:
    """Let a prediction be shown, whole and up to date."""
    session.prediction[:] = labels
    session.take(Status(Phase.TRAINING, edits=10**6, complete=True, done=1.0))


@pytest.fixture
def scored(phantom: Volume, truth: NDArray[np.uint8]) -> tuple[Session, list[tuple[int, float]]]:
    """A session whose first slice is painted, and the scores it tells."""
    session, scores = Session(phantom), []
    session.scored.connect(lambda *score: scores.append(score))
    paint(session, Plane(0, 9), truth)
    return session, scores


def test_a_round_is_scored_by_what_was_wrong_on_its_slices(scored, truth) -> None:
    session, scores = scored
    wrong = truth + 1
    wrong[9:, :14] = 1
    show(session, wrong)
    assert scores == []
    plane = Plane(1, 10)
    paint(session, plane, truth)
    show(session, truth + 1)
    assert scores == []
    paint(session, Plane(2, 10), truth)
    here, seen = plane.take(truth) > 0, plane.take(wrong) > 1
    free = np.ones(here.shape, bool)
    free[9] = False  # painted in the first round: that is no prediction
    expected = 1 - ((here != seen) & free).sum() / here.sum()
    assert scores == [(1, pytest.approx(expected))]


def test_what_was_right_scores_one_and_undo_takes_a_mistake_back(scored, truth) -> None:
    session, scores = scored
    show(session, truth + 1)
    paint(session, Plane(1, 10), truth)
    where = Plane(1, 12).voxels(np.ones((24, 32), bool), truth.shape)
    session.paint(where, 3)
    session.undo()
    show(session, truth + 1)
    paint(session, Plane(2, 10), truth)
    assert scores == [(1, 1.0)]


def test_strokes_that_are_taken_back_leave_the_score_as_it_was(scored, truth) -> None:
    session, _ = scored
    wrong = truth + 1
    wrong[9:, :14] = 1
    show(session, wrong)
    paint(session, Plane(1, 10), truth)
    before = session._agreement.score(1)
    assert 0 < before < 1
    paint(session, Plane(2, 10), truth)
    both = session._agreement.score(1)
    session.undo()
    assert session._agreement.score(1) == before
    session.redo()
    assert session._agreement.score(1) == both
    session.undo()
    for x in (11, 12):
        for _ in range(2):
            session.paint(Plane(2, x).voxels(np.ones((24, 28), bool), truth.shape), 3)
        session.undo()
    assert session._agreement.score(1) == before


def test_taking_back_what_an_earlier_session_painted_scores_nothing(scored, truth) -> None:
    session, _ = scored
    show(session, truth + 1)
    paint(session, Plane(1, 10), truth)
    again = Session(session.volume)
    for edit in session.annotation.done:
        again.annotation.apply(edit)
    again.undo()
    assert again._agreement.score(1) is None


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.5, 0.6, 0.7, 0.8], False),
        ([0.9, 0.905, 0.906, 0.9], True),
        ([0.9, 0.9, 0.9], False),
        ([0.9, 0.9, 0.9, 0.95], False),
        ([0.9, 0.8, 0.6, 0.3], False),
        ([], False),
    ],
)
def test_settled_is_said_after_three_rounds_of_little_change(scores, expected) -> None:
    assert settled(scores) is expected


def test_a_large_slice_is_scored_while_nobody_notices() -> None:
    session = Session(Volume(np.zeros((3, 1024, 1024), np.uint8)))
    session.paint(np.array([0]), 2)
    show(session, np.full((3, 1024, 1024), 2, np.uint8))
    edit = session.paint(np.arange(1024**2) + 1024**2, 1)
    assert edit.round_after == 1
    begun = time.perf_counter()
    assert session._agreement.score(1) == 0.0
    session._agreement._edited(edit)
    assert time.perf_counter() - begun < 1  # each `np.union1d` takes 3
