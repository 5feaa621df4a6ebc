"""Our session as a method: the code of `napari-densify simulate`, looked at while it works."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from bench.curve import sample_times
from bench.lane import Options, Screen
from bench.memory import own_peak_mb
from bench.rates import measure
from bench.volumes import Task
from napari_densify.cases.box import tiles
from napari_densify.cases.volume import Volume
from napari_densify.learn import prediction, pretrained
from napari_densify.session.link import Settings
from napari_densify.session.news import Phase, Status
from napari_densify.session.schedule import TILE
from napari_densify.session.session import Session
from napari_densify.session.simulate import Simulation, simulate
from napari_densify.session.worker import Worker


def ours(task: Task, options: Options, screen: Screen) -> dict[str, Any]:
    """Paint the slices, train until the last mark, show what the session shows."""
    workers: list[Worker] = []

    def open_worker(volume: Volume, classes: list[int], settings: Settings) -> Worker:
        workers.append(Worker(volume, classes, settings))
        screen.ready()
        return workers[0]

    session = Session(
        task.volume,
        task.robot.classes,
        Settings(device=options.device, seed=options.seed),
        open_worker,
    )
    watch = _Watch(session, options.marks, screen)
    simulate(Simulation(task.truth, session, task.slices, seconds=float("inf")), 0, watch)
    facts: dict[str, Any] = {
        "steps": watch.steps,
        "cores": screen.cores,
        "peak_memory_mb": own_peak_mb(),
    }
    if options.rates:
        learner = workers[0]._learner
        boxes = list(tiles(task.volume.shape, [TILE] * 3))

        def predict(turn: int) -> int:
            box = boxes[turn % len(boxes)]
            learner.predict(box)
            return int(np.prod(box.shape))

        single = patch.object(prediction, "precision", return_value=torch.float32)
        facts |= measure(lambda: learner.advance(0.0), predict, learner.device, single)
    return facts


def from_scratch(task: Task, options: Options, screen: Screen) -> dict[str, Any]:
    """The same with a network that has learned nothing beforehand."""
    with patch.object(pretrained, "serves", return_value=False):
        return ours(task, options, screen)


class _Watch:
    """Shows the prediction as it stood at each sample time, and when it first was whole."""

    def __init__(self, session: Session, marks: tuple[float, ...], screen: Screen) -> None:
        self.session, self.screen = session, screen
        self.end = max(marks)
        self.times = sample_times(marks)
        self.before = session.prediction.copy()
        self.whole = False
        self.steps = 0

    def __call__(self, round_: int, status: Status) -> None:
        """Called after each piece of work; what is done here is not on the clock."""
        if status.phase == Phase.STARTING:
            return
        now = self.screen.seconds
        with self.screen.standstill():
            self._look(now, status)

    def _look(self, now: float, status: Status) -> None:
        prediction = self.session.prediction
        self.steps = max(self.steps, status.steps)  # the last status of all knows of none
        # The work of this turn came too late for the times that passed meanwhile.
        passed = [t for t in self.times if t <= now]
        self.times = self.times[len(passed) :]
        if passed:
            self.screen.show(self.before, passed[0])
        if not self.whole and prediction.all():
            self.whole = True
            self.screen.show(prediction, now)
        np.copyto(self.before, prediction)
        self.screen.pause()
        if now >= self.end:
            self.session.stop()
