"""The simulated user at work: paint, train, correct the worst slice, train, … and keep score."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.annotation import check_labels
from napari_densify.cases.plane import Plane
from napari_densify.cases.volume import Volume
from napari_densify.session.news import Phase, Status
from napari_densify.session.robot import Robot, Stroke
from napari_densify.session.score import dice
from napari_densify.session.session import Session

Watch = Callable[[int, Status], None]


@dataclass
class Round:
    """What one round of painting and training came to; see README for the fields of run.json."""

    round: int
    annotated_slices: int
    annotated_voxels: int
    train_seconds: float
    wall_seconds: float
    first_prediction_seconds: float | None
    steps: int
    dice: dict[str, float]
    dice_mean: float


@dataclass
class Run:
    """A whole run of the robot: what run.json holds."""

    image: str
    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    classes: list[int]
    device: str
    threads: int
    seed: int
    rounds: list[Round] = field(default_factory=list)
    peak_rss_mb: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain data for a JSON file."""
        return asdict(self)


class Simulation:
    """The robot and the bookkeeping around it; the painting is done by whoever owns the session.

    Parameters
    ----------
    volume : Volume
    truth : (z, y, x) array
        0 = background, 1… = structures.
    session : Session
    slices : int
        How many slices round 0 paints.
    """

    def __init__(
        self, volume: Volume, truth: NDArray[np.generic], session: Session, slices: int
    ) -> None:
        labels = check_labels(truth, volume.shape, "truth")
        self.robot = Robot(labels)
        self.session = session
        self.slices = slices
        self.planes: list[Plane] = []
        settings = session.settings
        structures = [k - 1 for k in self.robot.classes if k > 1]
        self.run = Run(volume.name, volume.shape, volume.spacing, structures, "", 0, settings.seed)

    def strokes(self, round_: int) -> list[Stroke]:
        """What the robot paints in a round: whole slices at first, then one slice's errors."""
        if round_ == 0:
            planes = self.robot.planes(self.slices)
            self.planes += planes
            return [stroke for plane in planes for stroke in self.robot.paint(plane)]
        worst = self.robot.worst(self.session.prediction)
        self.planes.append(worst)
        return list(self.robot.correct(self.session.prediction, worst))

    def score(self, round_: int, wall_seconds: float, trained_before: float) -> Round:
        """Book a round: Dice over the voxels that were not annotated."""
        session, status = self.session, self.session.status
        structures = [k for k in self.robot.classes if k > 1]
        free = session.annotation.labels == 0
        each = dice(session.prediction, self.robot.truth, structures, free)
        first = status.first_prediction_seconds
        result = Round(
            round=round_,
            annotated_slices=len(set(self.planes)),
            annotated_voxels=session.annotation.annotated,
            train_seconds=round(status.train_seconds - trained_before, 2),
            wall_seconds=round(wall_seconds, 2),
            first_prediction_seconds=None if np.isnan(first) else round(first, 2),
            steps=status.steps,
            dice={str(k - 1): round(d, 4) for k, d in each.items()},
            dice_mean=round(float(np.mean(list(each.values()))), 4),
        )
        self.run.rounds.append(result)
        self.run.device, self.run.threads = status.device, status.threads
        self.run.peak_rss_mb = round(status.memory_mb, 1)
        return result


def simulate(
    simulation: Simulation,
    rounds: int,
    seconds: float,
    watch: Watch = lambda round_, status: None,
) -> Run:
    """Run the robot without a window, the worker in this process.

    Parameters
    ----------
    simulation : Simulation
    rounds : int
        Correction rounds after round 0.
    seconds : float
        Wall time from a round's first training step to its pause, the predictions made
        meanwhile included. The final prediction of the whole volume comes after it.
    watch : callable
        Told the round and the status after each piece of work.
    """
    session = simulation.session
    news = session.run()
    for round_ in range(rounds + 1):
        start, before = time.perf_counter(), session.status.train_seconds
        for stroke in simulation.strokes(round_):
            shape = session.annotation.shape
            session.paint(stroke.plane.voxels(stroke.mask, shape), stroke.label)
        if round_ == 0:
            session.look(simulation.planes[0])
        session.train()
        end = None
        for item in news:
            session.take(item)
            if not isinstance(item, Status):
                continue
            watch(round_, item)
            if item.phase == Phase.TRAINING:
                end = end or time.perf_counter() + seconds
            if end and time.perf_counter() >= end:
                session.pause()
            if not session.training and item.phase == Phase.PAUSED and item.complete:
                break
        simulation.score(round_, time.perf_counter() - start, before)
    session.stop()
    for item in news:
        session.take(item)
    return simulation.run
