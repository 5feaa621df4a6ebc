"""When the schedule fits the guess, shows it alone, and has it corrected."""

from __future__ import annotations

import numpy as np
import pytest

from napari_densify.cases.plane import Plane
from napari_densify.session.schedule import (
    GUESS_SHARE,
    Guess,
    Learn,
    Predict,
    Schedule,
)
from tests.session.schedules import (
    SHAPE,
    STROKE,
    Task,
    training,
    until_complete,
    until_corrected,
    until_next,
    work,
)


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
    until_next(schedule, Guess)
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
    until_next(schedule, Learn)
    schedule.edited(STROKE)
    until_next(schedule, Guess)
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
    until_next(schedule, Learn)
    schedule.edited(STROKE)
    until_next(schedule, Guess)
    schedule.guessed(0.1, shown=True, done=False)
    task = schedule.next()
    assert isinstance(task, Predict)
    assert task.viewed
