"""All methods on one volume, in turns."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.curve import Curve, Point
from bench.lane import Lane, Method, MethodFailed, Options
from bench.scoring import Score
from bench.volumes import Task


@dataclass
class Result:
    """What one method came to on one volume with one seed."""

    volume: str
    method: str
    seed: int
    curve: Curve = field(default_factory=Curve)
    facts: dict[str, Any] = field(default_factory=dict)
    failure: str = ""


def trial(
    task: Task,
    methods: Mapping[str, Method],
    options: Options,
    say: Callable[[str], None] = lambda sentence: None,
    surface: bool = True,
) -> list[Result]:
    """Run methods on the same slices, by turns from mark to mark.

    Parameters
    ----------
    task : Task
    methods : dict of name → method
    options : Options
        Seed and threads that all of them get. The seed also says who begins.
    say : callable
        Told what is going on.
    surface : bool
        Whether to measure the surface Dice too, which takes long on large volumes.
    """
    order = list(methods)
    turn = options.seed % len(order)
    score = Score(task)
    tracks: list[_Track] = []
    try:
        for name in order[turn:] + order[:turn]:
            say(f"{task.name}, seed {options.seed}: starting {name}")
            track = _Track(Result(task.name, name, options.seed), score, surface)
            tracks.append(track)
            track.start(methods[name], task, options)
        for mark in options.marks:
            for track in tracks:
                say(f"{task.name}, seed {options.seed}: {track.result.method} to {mark:g} s")
                track.turn(mark)
        for track in tracks:
            say(f"{task.name}, seed {options.seed}: throughput of {track.result.method}")
            track.finish()
    finally:
        for track in tracks:
            track.close()
    return [track.result for track in tracks]


class _Track:
    """A method's lane and its scores; once it has failed it takes no further part."""

    def __init__(self, result: Result, score: Score, surface: bool) -> None:
        self.result = result
        self._score, self._surface = score, surface
        self._lane: Lane | None = None
        self._shown: list[tuple[Point, NDArray[np.uint8]]] = []

    def start(self, method: Method, task: Task, options: Options) -> None:
        try:
            self._lane = Lane(method, task, options)
        except MethodFailed as error:
            self._fail(error)
        else:
            self.result.facts["startup_seconds"] = round(self._lane.startup_seconds, 2)

    def turn(self, mark: float) -> None:
        if self._lane is None:
            return
        try:
            news = self._lane.turn(mark)
        except MethodFailed as error:
            return self._fail(error)
        for seconds, labels in news:
            covered = self._score.covered(labels)
            point = Point(round(seconds, 3), self._score.dice(labels), covered=covered)
            self.result.curve.points.append(point)
            self._shown.append((point, labels))
        self._see(mark)

    def _see(self, mark: float) -> None:
        """Measure the surfaces of what is on the screen at a mark; forget what was before."""
        now = self.result.curve.at(mark)
        self._shown = [
            (p, labels) for p, labels in self._shown if not now or p is now or p.seconds > mark
        ]
        if now and self._surface and math.isnan(now.surface):
            labels = next(labels for p, labels in self._shown if p is now)
            now.surface = self._score.surface_dice(labels)

    def finish(self) -> None:
        if self._lane is None:
            return
        try:
            self.result.facts |= self._lane.finish()
        except MethodFailed as error:
            self._fail(error)

    def close(self) -> None:
        if self._lane is not None:
            self._lane.close()

    def _fail(self, error: MethodFailed) -> None:
        self.result.failure = str(error)
        self.close()
        self._lane = None
