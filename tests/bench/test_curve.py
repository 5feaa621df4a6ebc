"""Reading a curve of Dice over time."""

from __future__ import annotations

import math

import pytest

from bench.curve import Curve, Point, sample_times


def test_a_prediction_stays_until_the_next_one() -> None:
    curve = Curve([Point(2, 0.5), Point(10, 0.8)])
    assert [curve.dice(t) for t in (1, 2, 9.9, 10, 50)] == [0, 0.5, 0.5, 0.8, 0.8]
    assert curve.at(1) is None


def test_the_area_counts_the_wait_for_the_first_result() -> None:
    assert Curve([Point(5, 0.8)]).area(10) == pytest.approx(0.4)
    assert Curve([Point(2, 0.5), Point(6, 1.0)]).area(10) == pytest.approx(0.6)


def test_what_comes_after_the_end_has_no_area() -> None:
    assert Curve([Point(20, 0.9)]).area(10) == 0
    assert Curve([Point(0, 0.5), Point(20, 0.9)]).area(10) == pytest.approx(0.5)


def test_the_first_result_covers_the_whole_volume() -> None:
    assert Curve([Point(1, 0.1, covered=0.2), Point(3, 0.4)]).first == 3
    assert math.isnan(Curve([Point(1, 0.1, covered=0.2)]).first)


def test_the_largest_fall_is_between_marks() -> None:
    curve = Curve([Point(5, 0.5), Point(7, 0.2), Point(10, 0.6), Point(20, 0.55)])
    assert curve.largest_fall([5, 10, 20]) == pytest.approx(0.05)
    assert curve.largest_fall([5, 10]) == 0


def test_marks_are_among_the_sample_times() -> None:
    times = sample_times([5, 7.3, 30])
    assert {5, 7.3, 30} <= set(times)
    assert times == sorted(times)
    assert times[-1] == 30
