"""What weights are worth on real volumes, before anything is learned on them.

    python -m pretrain.check WEIGHTS [--volumes hippocampus,nuclei] [--rounds 5] [--closed-form]

Three slices are painted by the robot, then the worst slice of the mean of trees and network is
corrected, round by round; each time the first twenty trees are fitted to all that is painted.
Printed is the Dice of the structures where nothing was annotated: of the trees, of the network, of
the mean of both.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console

from bench.volumes import Task, tasks
from napari_densify.learn.device import pick_device
from pretrain.closed_form import ClosedForm
from pretrain.episodes import Drawing
from pretrain.train import CONFIG, Training, scored


def rounds(training: Training, task: Task, count: int) -> Iterator[dict[str, float]]:
    """Dice by the trees, the network and both, first and after each correction."""
    volume, random = task.volume, np.random.default_rng(0)
    drawing = Drawing(random, volume.channels[0], task.robot.truth, volume.spacing)
    painted = task.annotation > 0
    for _ in range(count + 1):
        if painted.any():  # else all of it is right
            drawing.paint(painted)
        drawn = drawing.episode()
        shown = training.shown(drawn)
        yield scored(drawn, shown)
        prediction = (shown["mean"] + 1).numpy().astype(np.uint8)
        plane = task.robot.worst(np.where(drawn.free, prediction, task.robot.truth))
        painted = np.zeros_like(painted)
        plane.take(painted)[:] = plane.take(prediction != task.robot.truth)


def check(
    weights: Annotated[Path, typer.Argument(help="A pretrained.safetensors.")],
    volumes: Annotated[str, typer.Option()] = "hippocampus,nuclei,fib25",
    count: Annotated[int, typer.Option("--rounds", help="Corrections.")] = 0,
    closed_form: Annotated[bool, typer.Option("--closed-form")] = False,
    threads: Annotated[int, typer.Option()] = 1,
) -> None:
    """Print the Dice of each volume and the mean, round by round."""
    torch.set_num_threads(threads)
    kind = ClosedForm if closed_form else Training
    training = kind(tomllib.loads(CONFIG.read_text()), pick_device("auto"), weights)
    console, scores = Console(), []
    for task in tasks(volumes.split(","), 3, console):
        scores.append([list(seen.values()) for seen in rounds(training, task, count)])
        _row(console, task.name, np.array(scores[-1]))
    _row(console, "mean", np.mean(scores, axis=0))


def _row(console: Console, name: str, dice: NDArray[np.floating]) -> None:
    each = zip(("guess", "network", "mean"), dice.T, strict=True)
    text = (f"{what} " + " ".join(f"{d:.3f}" for d in row) for what, row in each)
    console.print(f"{name:16}", *text, sep="  ", highlight=False)


if __name__ == "__main__":
    typer.run(check)
