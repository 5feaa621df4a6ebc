"""A schedule of a volume that is painted on, and what works through it in no time at all."""

from __future__ import annotations

from napari_densify.cases.box import Box, tiles
from napari_densify.session.schedule import TILE, Guess, Learn, Predict, Schedule

Task = Learn | Guess | Predict | None

SHAPE = (70, 130, 140)
STROKE = Box((3, 4, 5), (4, 9, 11))


def training(shape: tuple[int, int, int] = SHAPE) -> Schedule:
    schedule = Schedule(shape)
    schedule.training = True
    return schedule


def work(schedule: Schedule, seconds: float = 0.1, doubt: float = 0.5) -> Task:
    """Do the next piece of work, in no time at all."""
    task = schedule.next()
    if isinstance(task, Learn):
        schedule.learned(seconds)
    elif isinstance(task, Guess):
        schedule.guessed(0.01, shown=True, done=True)
    elif isinstance(task, Predict):
        schedule.predicted(task, 0.001, doubt)
    return task


def until_next(schedule: Schedule, kind: type[Learn | Guess | Predict]) -> None:
    """Work until the next piece is of a kind."""
    while not isinstance(schedule.next(), kind):
        work(schedule)


def until_complete(schedule: Schedule) -> list[Predict]:
    """The blocks that are predicted until all are up to date."""
    tasks = []
    for _ in range(2000):
        task = work(schedule)
        if isinstance(task, Predict):
            tasks.append(task)
        if schedule.done == 1:
            return tasks
    raise AssertionError("never complete")


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
