"""Actions on a whole slice: what they paint, and that one undo takes each back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_densify.cases.digital_plane import DigitalPlane
from napari_densify.cases.oblique import ObliquePlane
from napari_densify.cases.plane import Plane
from napari_densify.cases.volume import Volume
from napari_densify.cases.weight import ACCEPTED
from napari_densify.session import slices
from napari_densify.session.session import Session

from .conftest import paint

ACTIONS = [slices.complete, slices.accept, slices.clear, slices.copy]


def small_session(seed: int = 0) -> Session:
    """A session with a random prediction and a few random strokes."""
    rng = np.random.default_rng(seed)
    session = Session(Volume(rng.random((9, 10, 11))))
    session.prediction[:] = rng.integers(0, 4, session.prediction.shape)
    for _ in range(3):
        where = rng.choice(session.prediction.size, 40, replace=False)
        session.paint(np.sort(where), int(rng.integers(1, 4)))
    return session


@given(
    seed=st.integers(0, 99),
    axis=st.integers(0, 2),
    position=st.integers(0, 8),
    which=st.sampled_from(ACTIONS),
)
def test_one_undo_takes_any_action_back_and_it_stays_on_its_slice(
    seed: int, axis: int, position: int, which: object
) -> None:
    session, plane = small_session(seed), Plane(axis, position)
    before = session.annotation.marks.copy()
    edit = which(session, plane)  # type: ignore[operator]
    changed = np.argwhere(session.annotation.marks != before)
    assert set(changed[:, axis]) <= {position}
    assert (edit is None) == (len(changed) == 0)
    if edit is not None:
        session.undo()
    np.testing.assert_array_equal(session.annotation.marks, before)


@given(seed=st.integers(0, 99), axis=st.integers(0, 2), position=st.integers(0, 8))
def test_each_does_what_it_says(seed: int, axis: int, position: int) -> None:
    plane = Plane(axis, position)
    for act in ACTIONS[:3]:
        session = small_session(seed)
        before, shown = session.annotation.on(plane), plane.take(session.prediction).copy()
        act(session, plane)
        after = session.annotation.on(plane)
        if act is slices.complete:
            np.testing.assert_array_equal(after, np.where(before > 0, before, 1))
        elif act is slices.accept:
            np.testing.assert_array_equal(after, np.where(before > 0, before, shown))
        else:
            assert not after.any()


@given(
    seed=st.integers(0, 99), tilt=st.floats(-89, 89), turn=st.floats(-180, 180),
    offset=st.floats(-3, 3),
)  # fmt: skip
def test_a_slice_at_any_angle_is_completed_accepted_and_cleared(
    seed: int, tilt: float, turn: float, offset: float
) -> None:
    digital = DigitalPlane(ObliquePlane(tilt, turn, offset), (9, 10, 11), (1.0, 1.0, 1.0))
    on = np.zeros((9, 10, 11), bool)
    on.reshape(-1)[digital.voxels(np.ones(digital.size, bool))] = True
    for act in ACTIONS[:3]:
        session = small_session(seed)
        before, marks = session.annotation.labels, session.annotation.marks.copy()
        shown = session.prediction.copy()
        edit = act(session, digital)
        after = session.annotation.labels
        np.testing.assert_array_equal(after[~on], before[~on])
        instead = {slices.complete: 1, slices.accept: shown, slices.clear: 0}[act]
        kept = (before > 0) & (act is not slices.clear)
        np.testing.assert_array_equal(after[on], np.where(kept, before, instead)[on])
        if edit is not None:
            session.undo()
        np.testing.assert_array_equal(session.annotation.marks, marks)
    assert slices.copy(session, digital) is None


def test_what_was_accepted_weighs_no_more_than_a_first_slice(phantom: Volume) -> None:
    session = Session(phantom)
    session.prediction[:] = 1
    session.prediction[5:10] = 2
    slices.accept(session, Plane(1, 10))
    marks = session.annotation.marks[:, 10]
    assert (marks["round"] == ACCEPTED).all()
    np.testing.assert_array_equal(
        session.annotation.weight_table()[:4, ACCEPTED], session.annotation.weight_table()[:4, 0]
    )
    assert not marks["wrong"].any()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_it_copies_the_nearest_annotated_slice_not_one_that_was_only_crossed(
    phantom: Volume, truth: NDArray[np.uint8], axis: int
) -> None:
    session = Session(phantom)
    for each in range(3):
        paint(session, Plane(each, 9), truth)
    paint(session, Plane(axis, 16), truth)
    plane = Plane(axis, 14)
    here = session.annotation.on(plane)
    slices.copy(session, plane)
    there = session.annotation.on(Plane(axis, 16))
    np.testing.assert_array_equal(session.annotation.on(plane), np.where(here > 0, here, there))


def test_there_is_nothing_to_copy_on_the_only_annotated_slice(
    phantom: Volume, truth: NDArray[np.uint8]
) -> None:
    session = Session(phantom)
    assert slices.copy(session, Plane(0, 3)) is None
    paint(session, Plane(0, 9), truth)
    assert slices.copy(session, Plane(0, 9)) is None
