"""The simulated user at work: paint, train, correct the worst slice, train, … and keep score."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.labels import check_labels
from napari_densify.cases.plane import Plane
from napari_densify.session import loop
from napari_densify.session.news import Phase, Status
from napari_densify.session.robot import Robot, Stroke
from napari_densify.session.score import dice
from napari_densify.session.session import Session


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
    """The robot, its clock and its bookkeeping; the painting is done by whoever owns the session.

    Parameters
    ----------
    truth : (z, y, x) array
        0 = background, 1… = structures.
    session : Session
    slices : int
        How many slices round 0 paints.
    seconds : float
        Wall time from a round's first training step to its pause, the predictions made
        meanwhile included. The final prediction of the whole volume comes after it.
    """

    def __init__(
        self, truth: NDArray[np.generic], session: Session, slices: int, seconds: float
    ) -> None:
        volume = session.volume
        self.robot = Robot(check_labels(truth, volume.shape, "truth"))
        self.session, self.slices, self.seconds = session, slices, seconds
        self.planes: list[Plane] = []
        self._structures = [k for k in self.robot.classes if k > 1]
        names = [k - 1 for k in self._structures]
        seed = session.orders.settings.seed
        self.run = Run(volume.name, volume.shape, volume.spacing, names, "", 0, seed)
        self._start = self._trained_before = 0.0
        self._end: float | None = None
        self._left: float | None = None

    def begin(self) -> list[Stroke]:
        """Begin a round: what to paint now, whole slices at first, then one slice's errors."""
        self._start, self._end = time.perf_counter(), None
        self._trained_before = self.session.status.train_seconds
        if not self.planes:
            self.planes = self.robot.planes(self.slices)
            return [stroke for plane in self.planes for stroke in self.robot.paint(plane)]
        worst = self.robot.worst(self.session.prediction)
        self.planes.append(worst)
        return list(self.robot.correct(self.session.prediction, worst))

    def hold(self) -> None:
        """Let the round's clock stand still, until `go_on`; do not `follow` meanwhile."""
        self._left = None if self._end is None else self._end - time.perf_counter()

    def go_on(self) -> None:
        """Let the round's clock run again."""
        if self._left is not None:
            self._end = time.perf_counter() + self._left

    def follow(self, status: Status) -> Round | None:
        """Keep the round's time: pause the session when it is up, score what it has then.

        Parameters
        ----------
        status : Status
            Each one that the session takes.

        Returns
        -------
        Round or None
            Once the round is over.
        """
        now = time.perf_counter()
        learning = status.phase in (Phase.TRAINING, Phase.LEARNED)
        if self._end is None and learning and self.session.training:
            self._end = now + self.seconds
        if self._end is None:
            return None
        if self.session.training and now >= self._end:
            self.session.pause()
        elif not self.session.training and status.phase == Phase.PAUSED and status.complete:
            self._end = None
            return self._score(status, now - self._start)
        return None

    def _score(self, status: Status, wall_seconds: float) -> Round:
        """Book a round: Dice over the voxels that were not annotated."""
        session = self.session
        free = session.annotation.labels == 0
        each = dice(session.prediction, self.robot.truth, self._structures, free)
        first = status.first_prediction_seconds
        result = Round(
            round=len(self.run.rounds),
            annotated_slices=len(set(self.planes)),
            annotated_voxels=session.annotation.annotated,
            train_seconds=round(status.train_seconds - self._trained_before, 2),
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
    watch: Callable[[int, Status], None] = lambda round_, status: None,
) -> Run:
    """Run the robot without a window.

    Parameters
    ----------
    simulation : Simulation
    rounds : int
        Correction rounds after round 0.
    watch : callable
        Told the round and the status after each piece of work.
    """
    session = simulation.session
    news = loop.run(session)
    for round_ in range(rounds + 1):
        for stroke in simulation.begin():
            where = stroke.plane.voxels(stroke.mask, session.annotation.shape)
            session.paint(where, stroke.label)
        session.look(simulation.planes[-1])
        session.train()
        for item in news:
            session.take(item)
            if isinstance(item, Status):
                watch(round_, item)
                if simulation.follow(item):
                    break
    session.stop()
    for item in news:
        session.take(item)
    return simulation.run
