"""Rounds of annotation: corrections by the robot, or ever more evenly spaced whole slices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np
import typer
from numpy.typing import NDArray

from bench.volumes import Task
from napari_densify.cases import weight
from napari_densify.cases.plane import Plane
from napari_densify.learn import mixture, pretrained, sampler, trainer
from napari_densify.session import schedule, slices
from napari_densify.session.link import Settings
from napari_densify.session.news import Phase, Status
from napari_densify.session.robot import Robot, Stroke
from napari_densify.session.score import dice
from napari_densify.session.session import Session
from napari_densify.session.simulate import Round, Simulation, simulate

FOREVER = 1e9
"""Seconds of a round whose end is counted in steps."""


@dataclass(frozen=True)
class Arm:
    """One way to annotate and to learn from it.

    Attributes
    ----------
    strength : float
        Of the weights of edits, see `cases.weight`.
    robot : callable
        Who paints: made from the task and the session.
    accepts : bool
        Whether the rest of each corrected slice is accepted as it was predicted.
    constants : tuple of (module, name, value)
        What is otherwise than in the plugin.
    """

    strength: float = 1.0
    robot: Callable[[Task, Session], Robot] = lambda task, session: Robot(task.truth)
    accepts: bool = False
    constants: tuple[tuple[ModuleType, str, object], ...] = ()


ARMS = {
    "weights-on": Arm(),
    "weights-off": Arm(strength=0.0),
    "accepted": Arm(accepts=True),
    "whole-slices": Arm(
        strength=0.0, robot=lambda task, session: SliceRobot(task.truth, task.slices)
    ),
    "scratch": Arm(constants=((pretrained, "serves", lambda net: False),)),
    "no-balance": Arm(constants=((weight, "BALANCE", (1.0, 1.0)),)),
    "no-replay": Arm(constants=((sampler, "NEWEST", 1.0),)),
    "mild-weights": Arm(constants=((weight, "FRESH", 2.0), (weight, "WRONG", 1.0))),
    "wrong-only": Arm(constants=((weight, "FRESH", 1.0), (weight, "WRONG", 4.0))),
    "guess-alone": Arm(constants=((mixture, "TRUST", 0.0),)),
    "network-alone": Arm(constants=((mixture, "TRUST", 1.0),)),
    "rate-5e-3": Arm(constants=((trainer, "RATE", 5e-3),)),
    "biased": Arm(constants=((mixture, "UNBIAS", 0.0),)),
    "unbiased": Arm(constants=((mixture, "UNBIAS", 1.0),)),
}
"""What the plugin does, and the same with one thing otherwise; results are in
docs/measured/corrections.md."""
DEFAULT = ("weights-on", "weights-off", "whole-slices")


def chosen(names: str, arms: Mapping[str, Arm]) -> list[str]:
    """Names of arms, as they are given on the command line.

    Raises
    ------
    BadParameter
        If there is no such arm.
    """
    wanted = names.split(",")
    for name in wanted:
        if name not in arms:
            raise typer.BadParameter(f"There is no arm “{name}”; choose from {', '.join(arms)}.")
    return wanted


class SliceRobot(Robot):
    """Does not look at the prediction: paints evenly spaced slices, twice as many every round.

    Twice, because a few more each round do not reach the Dice of the corrections.
    """

    def __init__(self, truth: NDArray[np.uint8], slices: int) -> None:
        super().__init__(truth)
        self._slices = slices
        self._painted = set(self.planes(slices))

    def worst(self, prediction: NDArray[np.uint8]) -> Plane:
        """The last one of twice as many slices as in the round before."""
        self._slices *= 2
        return self.planes(self._slices)[-1]

    def correct(self, prediction: NDArray[np.uint8], plane: Plane) -> Iterator[Stroke]:
        """Every slice that is new, from edge to edge."""
        new = set(self.planes(self._slices)) - self._painted
        self._painted |= new
        for each in sorted(new, key=lambda p: (p.axis, p.position)):
            yield from self.paint(each)


class Rounds(Simulation):
    """A simulation that can count steps and accept slices, and that scores the whole volume too.

    Parameters
    ----------
    task : Task
    session : Session
    seconds : float
        Training in each round, if it is not counted in steps.
    steps : int
        Training steps in each round, however busy the machine is; 0 for seconds.
    accepts : bool
        See `Arm`.

    Attributes
    ----------
    whole : list of floats
        Of each round, Dice over the whole volume.
    by_hand : list of ints
        Of each round, how many voxels are annotated by strokes.
    """

    def __init__(
        self, task: Task, session: Session, seconds: float, steps: int = 0, accepts: bool = False
    ) -> None:
        super().__init__(task.truth, session, task.slices, FOREVER if steps else seconds)
        self._steps, self._until = steps, 0
        self._accepts = accepts
        self._structures_scored = task.structures
        self.whole: list[float] = []
        self.by_hand: list[int] = []

    def begin(self) -> list[Stroke]:
        """Begin a round, and note the step at which it ends."""
        self._until = self.session.status.steps + self._steps
        strokes = super().begin()
        if self._accepts and self.run.rounds:
            slices.accept(self.session, self.planes[-1])  # the strokes then change what was wrong
        return strokes

    def follow(self, status: Status) -> Round | None:
        """As `Simulation`, but the steps decide if there are any."""
        result = super().follow(status)
        enough = status.steps >= self._until or status.phase == Phase.LEARNED
        if self._steps and self.session.training and enough:
            self.session.pause()
        if result:
            each = dice(self.session.prediction, self.robot.truth, self._structures_scored)
            self.whole.append(round(float(np.mean(list(each.values()))), 4))
            accepted = int(self.session.annotation.counts[:, weight.ACCEPTED].sum())
            self.by_hand.append(self.session.annotation.annotated - accepted)
        return result


def play(
    task: Task, arm: Arm, settings: Settings, rounds: int, seconds: float, steps: int = 0
) -> list[dict[str, Any]]:
    """Rounds of one arm on one volume, booked as in the run.json of `napari-densify simulate`.

    `dice_whole` comes beside: over the whole volume, what was painted included, as the user has it
    in the end. `dice_mean` leaves the corrected voxels out, which are the hard ones; so it flatters
    corrections against whole slices, and a robot that corrects more against one that corrects less.
    `painted_voxels` are those annotated by strokes, without what was accepted.

    Parameters
    ----------
    task : Task
    arm : Arm
    settings : Settings
        The arm decides about the strength.
    rounds : int
        After the first slices.
    seconds : float
        Training in each round, if it is not counted in steps.
    steps : int
        Training steps in each round; 0 for seconds.
    """
    settings = replace(settings, strength=arm.strength)
    session = Session(task.volume, task.robot.classes, settings)
    simulation = Rounds(task, session, seconds, steps, arm.accepts)
    simulation.robot = arm.robot(task, session)
    # Turns of one training step: a round's last turn does not go beyond its last step.
    one_step = [(schedule, "SLICE", 0.0)] if steps else []
    with ExitStack() as changes:
        for module, name, value in (*arm.constants, *one_step):
            changes.enter_context(patch.object(module, name, value))
        booked = simulate(simulation, rounds).as_dict()["rounds"]
    beside = zip(booked, simulation.whole, simulation.by_hand, strict=True)
    return [
        {**each, "dice_whole": whole, "painted_voxels": by_hand} for each, whole, by_hand in beside
    ]
