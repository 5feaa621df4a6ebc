"""In which order the worker guesses, learns and predicts, and how its time is divided."""

from __future__ import annotations

import numpy as np
import pytest

from napari_densify.cases.box import Box
from napari_densify.cases.plane import Plane
from napari_densify.session.schedule import (
    AGE,
    BEHIND,
    EVERY,
    FRESH,
    Guess,
    Learn,
    Predict,
    Schedule,
)
from tests.session.schedules import SHAPE, STROKE, training, until_complete, until_corrected, work


def test_who_has_learned_nothing_is_not_asked() -> None:
    schedule = Schedule(SHAPE)
    assert schedule.next() is None
    schedule.training = True
    assert isinstance(schedule.next(), Guess)
    assert schedule.done == 0


@pytest.mark.parametrize("shape", [SHAPE, (8, 9, 10), (65, 8, 200)])
def test_everything_is_predicted_in_the_end(shape: tuple[int, int, int]) -> None:
    schedule = training(shape)
    seen = np.zeros(shape, bool)
    for task in until_complete(schedule):
        seen[task.box.slices] = True
    assert seen.all()


def test_the_rest_begins_near_the_viewed_slice() -> None:
    schedule = training((300, 64, 64))
    schedule.look(Plane(0, 150))
    rest = [task.box.start[0] for task in until_complete(schedule) if not task.viewed]
    assert rest[0] == 128
    assert rest[-1] in (0, 256)


def test_what_is_uncertain_is_predicted_again_first() -> None:
    schedule = training((64, 128, 64))
    schedule.look(Plane(0, 32))
    while schedule.done < 1:
        task = work(schedule)
        if isinstance(task, Predict) and not task.viewed:
            schedule.predicted(task, 0.0, doubt=0.9 if task.box.start[1] else 0.01)
    schedule.learned(2 * AGE)
    while not (isinstance(task := work(schedule), Predict) and not task.viewed):
        pass
    assert task.box.start[1] == 64


def test_an_edit_puts_everything_out_of_date_and_the_viewed_slice_first() -> None:
    schedule = training()
    until_complete(schedule)
    schedule.edited(STROKE)
    assert schedule.done == 0
    learned = 0.0
    while not isinstance(task := work(schedule, 0.05), Predict):
        learned += 0.05 if isinstance(task, Learn) else 0.01
    assert learned <= FRESH + 0.06
    assert task.viewed


def test_the_viewed_slice_is_refreshed_now_and_then() -> None:
    schedule = training()
    until_complete(schedule)
    while isinstance(work(schedule), Predict):
        pass
    tasks = [work(schedule) for _ in range(int(2 * EVERY / 0.1))]
    assert any(isinstance(task, Predict) and task.viewed for task in tasks)


def test_predicting_the_rest_leaves_most_of_the_time_to_training() -> None:
    schedule = training((256, 256, 256))
    until_complete(schedule)
    until_corrected(schedule)
    spent = {Learn: 0.0, Predict: 0.0}
    for _ in range(600):
        task = schedule.next()
        if isinstance(task, Learn):
            schedule.learned(0.2)
            spent[Learn] += 0.2
        elif isinstance(task, Predict) and not task.viewed:
            schedule.predicted(task, 0.5, 0.5)
            spent[Predict] += 0.5
        elif isinstance(task, Guess):
            schedule.guessed(0.01, shown=True, done=True)
        elif task:
            schedule.predicted(task, 0.0, 0.5)
    assert 0.1 * spent[Learn] < spent[Predict] < 0.35 * spent[Learn]


def test_a_pause_finishes_the_prediction_with_the_newest_weights() -> None:
    schedule = training()
    until_complete(schedule)
    schedule.learned(0.3)
    schedule.training = False
    assert schedule.done < 1
    tasks = until_complete(schedule)
    assert not any(isinstance(task, Learn) for task in tasks)
    while (task := work(schedule)) is not None:
        assert isinstance(task, Predict)
        assert task.viewed
    assert schedule.done == 1


def test_an_edit_while_paused_is_not_in_the_prediction() -> None:
    schedule = training()
    until_complete(schedule)
    schedule.training = False
    until_complete(schedule)
    schedule.edited(STROKE)
    assert schedule.done == 0


def test_looking_elsewhere_asks_for_that_slice() -> None:
    schedule = training()
    until_complete(schedule)
    schedule.look(Plane(2, 139))
    task = schedule.next()
    assert isinstance(task, Predict)
    assert task.viewed
    assert task.box.stop[2] == 140


def test_forgetting_begins_anew() -> None:
    schedule = training()
    until_complete(schedule)
    schedule.forget()
    assert (schedule.done, schedule.trained) == (0, 0)
    assert isinstance(schedule.next(), Guess)
    assert until_complete(schedule)


def test_after_an_edit_most_of_the_time_goes_to_predicting_everything_again() -> None:
    schedule = training((256, 256, 256))
    until_complete(schedule)
    schedule.learned(100.0)
    while schedule.done < 1 or not isinstance(schedule.next(), Learn):
        work(schedule)
    schedule.edited(STROKE)
    learned = predicted = 0.0
    while schedule.done < 1:
        task = schedule.next()
        if isinstance(task, Predict):
            schedule.predicted(task, 0.0 if task.viewed else 0.2, 0.5)
            predicted += 0.0 if task.viewed else 0.2
        elif isinstance(task, Guess):
            schedule.guessed(0.1, shown=True, done=True)
            learned += 0.1
        else:
            schedule.learned(0.1)
            learned += 0.1
    assert 0.7 * BEHIND < predicted / learned < 1.3 * BEHIND


def test_the_block_around_a_stroke_waits_for_the_step_that_learns_from_it() -> None:
    schedule = training()
    until_complete(schedule)
    schedule.look(Plane(0, 3))  # nothing of that slice is predicted yet
    schedule.edited(STROKE)
    before = schedule.next()
    assert isinstance(before, Predict)
    schedule.predicted(before, 0.0, 0.5)
    schedule.learned(2 * FRESH)
    task = schedule.next()
    assert isinstance(task, Predict)
    assert np.prod(task.box.shape) <= 8 * 32 * 32
    assert task.box.meet(STROKE) == STROKE


def test_a_stroke_does_not_wait_until_all_of_a_large_volume_was_looked_at_once() -> None:
    schedule = training((256, 256, 256))
    seen = 0
    while seen < 2:
        task = work(schedule)
        seen += isinstance(task, Predict) and not task.viewed
    schedule.edited(Box((130, 4, 5), (131, 9, 11)))
    tasks = [work(schedule) for _ in range(4)]
    assert any(isinstance(task, Predict) and task.viewed for task in tasks)


def test_after_many_corrections_the_rest_is_still_predicted_again_now_and_then() -> None:
    schedule = training()
    until_complete(schedule)
    for _ in range(15):
        schedule.edited(STROKE)
        until_complete(schedule)
        for _ in range(20):
            work(schedule)
    learned = 0.0
    while True:
        task = work(schedule)
        learned += 0.1 * isinstance(task, Learn)
        if isinstance(task, Predict) and not task.viewed:
            break
        assert learned < 2 * AGE


def share(schedule: Schedule, turns: int, *, block: float, viewed: bool) -> float:
    """Time for blocks of the viewed slice, or of the rest, over that for learning."""
    predicting = learning = 0.0
    for _ in range(turns):
        task = schedule.next()
        if isinstance(task, Predict):
            schedule.predicted(task, block, 0.5)
            predicting += block * (task.viewed == viewed)
        elif isinstance(task, Learn):
            schedule.learned(0.2)
            learning += 0.2
        elif isinstance(task, Guess):
            schedule.guessed(0.01, shown=False, done=True)
    return predicting / learning


def test_a_project_that_learned_for_hours_has_no_more_time_for_the_rest_than_a_new_one() -> None:
    shares = []
    for seconds in (0.0, 10_000.0):
        schedule = training((256, 256, 256))
        if seconds:
            schedule.resume(seconds)
        until_complete(schedule)
        shares.append(share(schedule, 3000, block=0.2, viewed=False))
    assert shares[0] == pytest.approx(shares[1], rel=0.2)
    assert shares[0] < 0.4


def test_a_large_viewed_slice_leaves_most_of_the_time_to_training() -> None:
    schedule = training((64, 512, 512))
    until_complete(schedule)
    assert share(schedule, 4000, block=0.05, viewed=True) < 0.4
