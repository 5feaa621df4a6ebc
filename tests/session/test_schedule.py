"""In which order the worker guesses, learns and predicts, and how its time is divided."""

from __future__ import annotations

import numpy as np
import pytest

from napari_densify.cases.box import Box, tiles
from napari_densify.cases.plane import Plane
from napari_densify.session.schedule import (
    AGE,
    BEHIND,
    EVERY,
    FRESH,
    GUESS_SHARE,
    TILE,
    Guess,
    Learn,
    Predict,
    Schedule,
)
from tests.session.schedules import SHAPE, STROKE, Task, training, until_complete, work


def until_corrected(schedule: Schedule) -> list[Predict]:
    """The blocks of the rest that are predicted until no guess stands alone any more."""
    everything, tasks = set(tiles(schedule.shape, [TILE] * 3)), []
    for _ in range(2000):
        task = work(schedule)
        if isinstance(task, Predict) and not task.viewed:
            tasks.append(task)
        if {task.box for task in tasks} == everything:
            return tasks
    raise AssertionError("never corrected")


def test_who_has_learned_nothing_is_not_asked() -> None:
    schedule = Schedule(SHAPE)
    assert schedule.next() is None
    schedule.training = True
    assert isinstance(schedule.next(), Guess)
    assert schedule.done == 0


def test_the_guess_of_everything_comes_before_training_the_viewed_slice_first() -> None:
    schedule = training()
    schedule.look(Plane(1, 100))
    assert isinstance(work(schedule), Guess)
    first: list[Predict] = []
    while isinstance(task := work(schedule), Predict):
        first.append(task)
    assert isinstance(task, Learn)
    seen = np.zeros(SHAPE, bool)
    viewed = [task.box for task in first if task.viewed]
    assert all(task.viewed for task in first[: len(viewed)])
    for box in viewed:
        seen[box.slices] = True
    assert Plane(1, 100).take(seen).all()
    assert seen.mean() < 0.1
    for task in first:
        seen[task.box.slices] = True
    assert seen.all()
    assert schedule.done == 1


def test_of_many_blocks_the_guess_alone_comes_first_and_is_corrected_next() -> None:
    schedule = training()
    for _ in range(2):  # the second time, learning begins anew
        first = until_complete(schedule)
        assert all(task.guess_only != task.viewed for task in first)
        second = until_corrected(schedule)
        assert not any(task.guess_only for task in second)
        rest = [task.box for task in first if not task.viewed]
        assert sorted(task.box.start for task in second) == sorted(box.start for box in rest)
        schedule.forget()


def test_how_far_the_guess_is_to_be_corrected_is_found_out_before_it_is_corrected() -> None:
    schedule = training()
    schedule.next()
    schedule.guessed(0.5, shown=True, done=False)  # trees of the folds are still to come
    for _ in schedule.shape:
        while isinstance(task := schedule.next(), Predict):
            assert task.guess_only
            schedule.predicted(task, 0.01, 0.5)
        assert isinstance(task, Guess)
        schedule.guessed(0.2, shown=False, done=False)
    schedule.guessed(0.2, shown=False, done=True)
    task = schedule.next()
    assert isinstance(task, Predict)
    assert task.viewed
    assert not task.guess_only


def test_a_pause_does_not_leave_the_guess_alone() -> None:
    schedule = training()
    until_complete(schedule)
    schedule.training = False
    assert not any(task.guess_only for task in until_corrected(schedule))


def test_one_block_or_what_was_learned_before_need_no_look_at_the_guess_alone() -> None:
    small, resumed = training((64, 64, 64)), training()
    resumed.resume(20.0)
    for schedule in (small, resumed):
        assert not any(task.guess_only for task in until_complete(schedule))


def test_the_guess_follows_every_edit_but_not_all_the_time() -> None:
    schedule = training((64, 64, 64))
    until_complete(schedule)
    fits = learned = 0.0
    for turn in range(4000):
        if turn % 10 == 0:
            schedule.edited(STROKE)
        task = schedule.next()
        if isinstance(task, Guess):
            schedule.guessed(0.5, shown=True, done=True)
            fits += 0.5
        elif isinstance(task, Predict):
            schedule.predicted(task, 0.01, 0.5)
        else:
            schedule.learned(0.1)
            learned += 0.1
    assert 0.5 * GUESS_SHARE < fits / (fits + learned) < 1.2 * GUESS_SHARE
    schedule.edited(STROKE)
    tasks = [work(schedule) for _ in range(200)]
    assert sum(isinstance(task, Guess) for task in tasks) == 1


def test_after_an_edit_the_viewed_slice_comes_before_the_guess() -> None:
    schedule = training()
    until_complete(schedule)
    schedule.learned(10.0)
    while isinstance(schedule.next(), Predict):
        work(schedule)
    schedule.edited(STROKE)
    tasks = [work(schedule) for _ in range(12)]
    guess = next(i for i, task in enumerate(tasks) if isinstance(task, Guess))
    assert isinstance(tasks[0], Learn)
    predicted = [task for task in tasks[:guess] if isinstance(task, Predict)]
    assert {task.box for task in predicted} == set(schedule._viewed.at)


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


def test_a_guess_of_another_case_is_fitted_for_the_opened_one_even_when_paused() -> None:
    schedule = Schedule(SHAPE)
    schedule.resume(30.0, elsewhere=True)
    tasks: list[Task] = []
    while tasks[-1:] != [None]:
        tasks.append(work(schedule))
    kinds = [type(task) for task in tasks]
    fitted = kinds.index(Guess)
    seen = [task.box for task in tasks[:fitted] if isinstance(task, Predict) and task.viewed]
    assert len(seen) == fitted > 0
    again = [task for task in tasks[fitted + 1 :] if isinstance(task, Predict)]
    assert [task.box for task in again[: len(seen)]] == seen
    assert not any(task.viewed for task in again[len(seen) :])
    assert kinds.count(Guess) == 1
    assert schedule.done == 1


@pytest.mark.parametrize("training", [True, False])
def test_a_stroke_before_the_opened_case_has_a_guess_of_its_own_holds_nothing_up(
    training: bool,
) -> None:
    schedule = Schedule(SHAPE)
    schedule.training = training
    schedule.resume(30.0, elsewhere=True)
    while not isinstance(schedule.next(), Guess):
        work(schedule)
    schedule.guessed(0.2, shown=False, done=False)
    schedule.edited(STROKE)
    assert isinstance(schedule.next(), Guess)
    assert until_complete(schedule)


def test_a_guess_of_the_same_case_is_not_fitted_again_while_paused() -> None:
    schedule = Schedule(SHAPE)
    schedule.resume(30.0)
    while (task := work(schedule)) is not None:
        assert isinstance(task, Predict)
    assert schedule.done == 1


def test_a_fit_is_gone_on_with_after_each_edit_and_begun_again_for_it() -> None:
    schedule = training((64, 64, 64))
    until_complete(schedule)
    schedule.learned(100.0)
    while not isinstance(schedule.next(), Learn):
        work(schedule)
    schedule.edited(STROKE)
    while not isinstance(schedule.next(), Guess):
        work(schedule)
    schedule.guessed(0.1, shown=False, done=False)
    schedule.edited(STROKE)
    tasks = [work(schedule)]  # that fit comes to its end in the next slice
    while not isinstance(tasks[-1], Guess):
        tasks.append(work(schedule))
    assert any(isinstance(task, Predict) and task.viewed for task in tasks)
    tasks = [work(schedule) for _ in range(20)]
    assert sum(isinstance(task, Guess) for task in tasks) == 1
    assert not any(isinstance(work(schedule), Guess) for _ in range(100))


def test_the_network_waits_for_the_guess_that_it_learns_from() -> None:
    schedule = training((64, 64, 64))
    schedule.next()
    schedule.guessed(0.5, shown=True, done=False)
    tasks = []
    while not isinstance(task := schedule.next(), Learn):
        tasks.append(task)
        work(schedule)
    kinds = [type(task) for task in tasks]

    assert kinds.index(Guess) > kinds.index(Predict)


def test_the_viewed_slice_is_predicted_again_as_soon_as_the_guess_is_new() -> None:
    schedule = training()
    until_complete(schedule)
    schedule.learned(100.0)
    while not isinstance(schedule.next(), Learn):
        work(schedule)
    schedule.edited(STROKE)
    while not isinstance(schedule.next(), Guess):
        work(schedule)
    schedule.guessed(0.1, shown=True, done=False)
    task = schedule.next()
    assert isinstance(task, Predict)
    assert task.viewed


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
