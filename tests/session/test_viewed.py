"""Which blocks what is looked at has, and which of them comes first."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_densify.cases.box import Box
from napari_densify.cases.digital_plane import DigitalPlane
from napari_densify.cases.oblique import ObliquePlane
from napari_densify.cases.plane import Plane
from napari_densify.session.schedule import FRESH, Predict, Schedule
from tests.session.schedules import SHAPE, STROKE, training, until_complete, work


@settings(deadline=None, max_examples=30)
@given(
    st.tuples(*[st.integers(20, 150)] * 3),
    st.tuples(*[st.sampled_from([0.5, 1.0, 3.0])] * 3),
    st.floats(-90, 90),
    st.floats(-90, 90),
    st.floats(-0.4, 0.4),
)
def test_an_oblique_plane_is_predicted_first_from_its_middle_on(
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    tilt: float,
    turn: float,
    offset: float,
) -> None:
    schedule = Schedule(shape, spacing)
    schedule.training = True
    until_complete(schedule)
    plane = ObliquePlane(tilt, turn, offset * float(np.min(np.multiply(shape, spacing))))
    schedule.look(plane)
    left = np.zeros(shape, bool)
    digital = DigitalPlane(plane, shape, spacing)
    left.reshape(-1)[digital.nearest[digital.nearest >= 0]] = True
    middle = np.array(shape) // 2 * spacing + plane.offset * plane.normal
    before = 0.0
    while left.any():
        task = schedule.next()
        assert isinstance(task, Predict)
        assert task.viewed
        ends = np.array([task.box.start, task.box.stop])
        away = float(np.linalg.norm((ends.mean(axis=0) - 0.5) * spacing - middle))
        assert away >= before - 1e-9
        before = away
        left[task.box.slices] = False
        schedule.predicted(task, 0.001, 0.5)


def test_a_plane_beside_the_volume_keeps_nothing_up() -> None:
    schedule = training()
    until_complete(schedule)
    schedule.look(ObliquePlane(30, 30, 1e4))
    assert schedule.next() is not None
    until_complete(schedule)


def test_the_block_with_the_newest_stroke_comes_first() -> None:
    schedule = training((200, 200, 200))
    schedule.look(Plane(0, 100))
    until_complete(schedule)
    for where in (Box((100, 5, 180), (101, 9, 185)), Box((100, 150, 8), (101, 160, 12))):
        schedule.edited(where)
        while not isinstance(task := work(schedule), Predict):
            pass
        assert task.viewed
        assert task.box.meet(where) == where


@settings(deadline=None)
@given(
    st.integers(0, 2),
    st.tuples(*[st.integers(0, 69)] * 3),
    st.tuples(*[st.integers(1, 30)] * 3),
)
def test_after_a_stroke_a_small_block_around_it_comes_first(
    axis: int, corner: tuple[int, int, int], size: tuple[int, int, int]
) -> None:
    schedule = training()
    until_complete(schedule)
    thin = [1 if a == axis else n for a, n in enumerate(size)]
    stroke = Box.cut(corner, thin, SHAPE)
    schedule.look(Plane(axis, corner[axis]))
    until_complete(schedule)
    schedule.edited(stroke)
    schedule.learned(2 * FRESH)
    task = schedule.next()
    assert isinstance(task, Predict)
    assert task.viewed
    assert task.box.meet(stroke) == stroke
    assert np.prod(task.box.shape) <= 8 * 32 * 32
    work(schedule)
    following = schedule.next()
    assert isinstance(following, Predict)
    assert following.viewed
    assert following.box != task.box


def test_a_stroke_elsewhere_does_not_come_before_the_viewed_slice() -> None:
    schedule = training()
    until_complete(schedule)
    schedule.look(Plane(0, 60))
    until_complete(schedule)
    schedule.edited(STROKE)
    schedule.learned(2 * FRESH)
    task = work(schedule)
    assert isinstance(task, Predict)
    assert task.box.start[0] <= 60 < task.box.stop[0]


def test_the_next_slice_of_the_same_slab_is_there_already() -> None:
    schedule = training()
    schedule.look(Plane(0, 8))
    until_complete(schedule)
    schedule.look(Plane(0, 9))
    task = schedule.next()
    assert not (isinstance(task, Predict) and task.viewed)
