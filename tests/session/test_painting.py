from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_densify.cases.box import Box
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.plane import Plane
from napari_densify.cases.problem import Problem
from napari_densify.cases.reference import describe
from napari_densify.cases.volume import Volume, content_hash
from napari_densify.session import learning, slices
from napari_densify.session.following import follow
from napari_densify.session.news import Phase, Status
from napari_densify.session.session import Session
from tests.session.conftest import WHOLE, block


def test_repainting_ones_own_stroke_is_no_wrong_prediction(session: Session) -> None:
    session.take(block(2))
    session.paint(np.arange(10), 2)
    session.paint(np.arange(10), 3)
    assert not session.annotation.marks["wrong"].any()


def test_a_stroke_that_is_taken_back_before_anything_was_predicted_is_not_shown_as_predicted(
    session: Session,
) -> None:
    where = np.arange(10)
    for begin_anew in (False, True):
        if begin_anew:
            learning.forget(session)
        session.paint(where, 2)
        session.undo()
        assert not session.prediction.any()
        session.paint(where, 2)
        session.paint(where, 0)
        assert not session.prediction.any()
        session.paint(where, 1)
        assert not session.annotation.marks["wrong"].any()
        session.take(Status(Phase.TRAINING, edits=session.orders.given))
        session.take(block(2))
        session.undo()
        assert (session.prediction.ravel()[where] == 2).all(), "as it was predicted meanwhile"


def test_what_was_kept_of_a_stroke_that_is_taken_back_is_no_prediction_either(
    phantom: Volume, tmp_path: Path
) -> None:
    project = ProjectFolder(tmp_path / "a.densify", describe(phantom, None, content_hash(phantom)))
    session = Session(phantom, project=project)
    session.paint(np.arange(10), 2)
    session.paint(np.arange(20, 30), 3)
    session.take(block(2))
    learning.forget(session)
    session.undo()
    session.close()
    again = Session(phantom, project=ProjectFolder(project.path))
    np.testing.assert_array_equal(again.prediction, again.annotation.labels)
    again.undo()
    assert not again.prediction.any()
    again.close()


def test_a_slice_is_accepted_as_it_was_predicted(session: Session) -> None:
    plane = Plane(1, 5)
    assert slices.accept(session, plane) is None, "nothing was predicted yet"
    session.take(block(2))
    session.paint(plane.to_volume(np.array([[3, 4], [3, 5]]), WHOLE.shape), 3)
    assert slices.accept(session, plane) is not None
    labels = plane.take(session.annotation.labels)
    assert (labels == 3).sum() == 2
    assert (labels == 2).sum() == labels.size - 2
    assert session.annotation.annotated == labels.size
    assert slices.accept(session, plane) is None, "all of it is annotated"
    session.undo()
    assert session.annotation.annotated == 2


def test_a_slip_that_was_taken_back_is_neither_shown_nor_accepted(session: Session) -> None:
    """While learning is paused nothing is predicted anew there."""
    plane, where = Plane(0, 0), np.arange(10)
    session.take(block(2))
    for take_back in (session.undo, lambda: session.paint(where, 0)):
        session.paint(where, 3)
        session.paint(where, 4)
        take_back()
        session.paint(where[:5], 0)
        session.paint(where[5:], 0)
        assert (session.prediction == 2).all()
    edit = session.paint(where, 3)
    assert edit is not None
    assert edit.after["wrong"].all(), "the prediction was wrong, not the stroke before"
    session.undo()
    slices.accept(session, plane)
    assert (plane.take(session.annotation.labels) == 2).all()


def test_what_is_painted_wins_over_what_is_predicted(session: Session) -> None:
    session.paint(np.arange(50), 3)
    session.take(block(2))
    flat = session.prediction.ravel()
    assert (flat[:50] == 3).all()
    assert (flat[50:] == 2).all()
    session.paint(np.arange(40, 60), 4)
    assert (session.prediction.ravel()[40:60] == 4).all()


def test_painting_against_the_prediction_is_marked_as_a_correction(session: Session) -> None:
    session.take(block(2))
    session.paint(np.arange(10), 3)
    session.paint(np.arange(20, 30), 2)
    wrong = session.annotation.marks["wrong"].ravel()
    assert wrong[:10].all()
    assert not wrong[20:30].any()


def test_undo_and_redo_bring_back_labels_rounds_and_weights(session: Session) -> None:
    session.paint(np.arange(10), 1)
    session.take(block(2))
    session.take(Status(Phase.TRAINING, edits=1, complete=True))
    before = session.annotation.marks.copy(), session.annotation.round, session.weights()
    session.paint(np.arange(5, 30), 3)
    after = session.annotation.marks.copy(), session.annotation.round, session.weights()
    assert after[1] == 1
    for step, expected in ((session.undo, before), (session.redo, after), (session.undo, before)):
        assert step() is not None
        np.testing.assert_array_equal(session.annotation.marks, expected[0])
        assert session.annotation.round == expected[1]
        np.testing.assert_array_equal(session.weights(), expected[2])
    assert session.undo() is not None
    assert session.undo() is None


def test_it_follows_labels_that_somebody_else_changes(session: Session) -> None:
    """As napari's layer does: strokes, an undo of two strokes at a time, a redo, an erasure."""
    labels = np.zeros(WHOLE.shape, np.uint8)
    states, weights = [], []

    def edits(box: Box = WHOLE) -> int:
        return len(follow(session, labels, box))

    assert edits() == 0
    session.take(block(1))
    for z, label in ((3, 1), (4, 2), (5, 3)):
        session.take(Status(Phase.TRAINING, edits=session.orders.given, complete=True))
        labels[z, 5:9] = label
        assert edits(Box((z, 0, 0), (z + 1, 28, 32))) == 1
        states.append(labels.copy())
        weights.append(session.weights())
    assert session.annotation.round == 2
    labels[:] = states[0]
    assert edits() == 2
    np.testing.assert_array_equal(session.weights(), weights[0])
    labels[:] = states[1]
    assert edits() == 1
    np.testing.assert_array_equal(session.weights(), weights[1])
    assert session.annotation.round == 1
    labels[3, 5] = 0
    assert edits() == 1
    np.testing.assert_array_equal(session.annotation.labels, labels)


def test_a_class_that_cannot_be_stored_is_refused_and_nothing_changes(session: Session) -> None:
    with pytest.raises(Problem):
        session.paint(np.arange(4), 255)
    assert session.annotation.annotated == 0
