"""What suggested slices are worth against spaced and random ones: `python -m bench.suggestions`."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.table import Table

from bench.effort import NOT_REACHED, SCORES, rounds_table
from bench.report import OUT, wide_console
from bench.rounds import Arm, chosen, play
from bench.volumes import Task, tasks
from napari_densify.cases.plane import Plane
from napari_densify.cases.problem import Problem
from napari_densify.session.link import Settings
from napari_densify.session.robot import Robot
from napari_densify.session.session import Session
from napari_densify.session.suggest import suggest

# Threads that spin while they wait take a shared machine's cores from each other.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


class SuggestedRobot(Robot):
    """Corrects the slice that the session suggests, and checks it."""

    def __init__(self, task: Task, session: Session) -> None:
        super().__init__(task.truth)
        self._session = session

    def worst(self, prediction: NDArray[np.uint8]) -> Plane:
        plane = suggest(self._session, 1)[0].plane
        self._session.check(plane)
        return plane


class SpacedRobot(Robot):
    """Corrects slices that divide the structures' extent evenly, whatever is predicted.

    It is told by the truth where the structures lie.
    """

    def __init__(self, task: Task, session: Session) -> None:
        super().__init__(task.truth)
        self._count = task.slices

    def worst(self, prediction: NDArray[np.uint8]) -> Plane:
        self._count += 1
        return self.planes(self._count)[-1]


class RandomRobot(Robot):
    """Corrects any slices through the structures; it is told by the truth where they lie."""

    def __init__(self, task: Task, session: Session) -> None:
        super().__init__(task.truth)
        inside = np.argwhere(task.truth > 0)
        self._low, self._high = inside.min(axis=0), inside.max(axis=0)
        self._rng = np.random.default_rng(session.orders.settings.seed)
        self._taken = set(self.planes(task.slices))

    def worst(self, prediction: NDArray[np.uint8]) -> Plane:
        while True:
            axis = int(self._rng.integers(3))
            plane = Plane(axis, int(self._rng.integers(self._low[axis], self._high[axis] + 1)))
            if plane not in self._taken:
                self._taken.add(plane)
                return plane


ARMS = {
    "suggested": Arm(robot=SuggestedRobot),
    "spaced": Arm(robot=SpacedRobot),
    "random": Arm(robot=RandomRobot),
    "worst": Arm(),
}
"""Who says which slice is corrected next; the last one knows the truth and is the limit."""


def suggestions(
    volumes: Annotated[str, typer.Option(help="Names or groups, with commas between.")] = "all",
    arms: Annotated[str, typer.Option(help=f"Some of {','.join(ARMS)}.")] = ",".join(ARMS),
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each arm.")] = 3,
    rounds: Annotated[int, typer.Option(min=1, help="Slices corrected after the first.")] = 8,
    steps: Annotated[int, typer.Option(min=1, help="Training steps in each round.")] = 40,
    slices: Annotated[int, typer.Option(min=1, help="Slices painted at first.")] = 3,
    threads: Annotated[int, typer.Option(min=0, help="Of torch; 0 for its default.")] = 0,
    out: Annotated[Path, typer.Option(help="Where the JSON goes.")] = OUT / "suggestions.json",
) -> None:
    """Let robots correct one slice a round: suggested, evenly spaced, random, or the worst.

    A round ends after so many steps, so the figures do not depend on what else the machine does.
    """
    console = wide_console()
    wanted = chosen(arms, ARMS)
    import torch

    if threads:
        torch.set_num_threads(threads)
    trials: list[dict[str, Any]] = []
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        for task in tasks(volumes.split(","), slices, console):
            for seed in range(seeds):
                for name in wanted:
                    how = Settings(device="cpu", seed=seed)
                    booked = play(task, ARMS[name], how, rounds, 0, steps)
                    trials.append(
                        {"volume": task.name, "arm": name, "seed": seed, "rounds": booked}
                    )
                    dice = " ".join(f"{r['dice_whole']:.3f}" for r in booked)
                    console.print(f"{task.name}, {name}, seed {seed}: {dice}", soft_wrap=True)
                    result = {"rounds": rounds, "steps": steps, "slices": slices, "trials": trials}
                    out.write_text(json.dumps(result, indent=2) + "\n")
            console.print(rounds_table(task.name, [t for t in trials if t["volume"] == task.name]))
    except Problem as problem:
        raise typer.BadParameter(str(problem)) from problem
    for score in SCORES:
        console.print(corrected_table(trials, score))
    console.print(f"Wrote {out}", soft_wrap=True)


def corrected_to(dices: list[float], dice: float) -> float | None:
    """Slices corrected up to a Dice, between rounds in proportion; None if it is not reached."""
    if dices[0] >= dice:
        return 0.0
    for round_, (low, high) in enumerate(pairwise(dices)):
        if high >= dice > low:
            return round_ + (dice - low) / (high - low)
    return None


def corrected_table(trials: list[dict[str, Any]], score: str) -> Table:
    """Slices corrected to the Dice that every arm reaches, the mean of the seeds (range).

    That Dice is, seed by seed, the best of the arm whose best is the lowest.
    """
    names = list(dict.fromkeys(t["arm"] for t in trials))
    table = Table("volume", "Dice", title=f"Slices corrected to the same Dice {SCORES[score]}")
    for name in names:
        table.add_column(name, justify="right")
    for volume in dict.fromkeys(t["volume"] for t in trials):
        curves: dict[int, dict[str, list[float]]] = {}
        for t in trials:
            if t["volume"] == volume:
                curves.setdefault(t["seed"], {})[t["arm"]] = [r[score] for r in t["rounds"]]
        goals = {seed: min(max(c) for c in arms.values()) for seed, arms in curves.items()}
        cells = [
            _spread([corrected_to(arms[name], goals[seed]) for seed, arms in curves.items()])
            for name in names
        ]
        table.add_row(volume, f"{mean(goals.values()):.3f}", *cells)
    return table


def _spread(values: list[float | None]) -> str:
    known = [v for v in values if v is not None]
    if len(known) < len(values):
        return NOT_REACHED
    return f"{mean(known):.1f} ({min(known):.1f}…{max(known):.1f})"


if __name__ == "__main__":
    typer.run(suggestions)
