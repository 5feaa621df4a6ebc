"""From a stroke to the refreshed slice, inside the worker: `python -m bench.refresh`.

What `bench --only window` measures, without window and processes, so that a clock can leave out
what other programs took: for a busy machine. Strokes come while the worker is at whatever it is
at just then.
"""

from __future__ import annotations

import os
import statistics
import threading
from collections.abc import Callable
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from bench.clock import Clock
from bench.volumes import Task, tasks
from napari_densify.cases.annotation import Annotation
from napari_densify.cases.plane import Plane
from napari_densify.session.link import Settings
from napari_densify.session.news import Block, Look, News, Train
from napari_densify.session.worker import Worker

# Threads that spin while they wait take a shared machine's cores from each other.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

REACH = 4
"""Pixels of a stroke on each side of its middle."""


class Painter:
    """Paints on a volume that a worker of this process learns."""

    def __init__(self, task: Task) -> None:
        self.task, self.shape = task, task.volume.shape
        self.worker = Worker(task.volume, task.robot.classes, Settings(device="cpu"))
        self.clock = Clock(free=True)
        self._annotation = Annotation(self.shape)
        self._edits = 0
        self._painted_at = 0.0

    def begin(self) -> float:
        """Paint the first slices; seconds until everything is predicted."""
        labels = self.task.annotation.ravel()
        self.clock.start()
        self._paint(np.flatnonzero(labels), labels[labels > 0])
        self.worker.deliver(Train(True))
        return self.until(lambda news: news[-1].complete)

    def stroke(self, plane: Plane, centre: list[int], after: float) -> tuple[float, float]:
        """Look at a plane and paint there a while later; seconds until it and all is refreshed."""
        mask = np.zeros(np.delete(self.shape, plane.axis), bool)
        row, column = np.delete(centre, plane.axis)
        mask[row - REACH : row + REACH + 1, column - REACH : column + REACH + 1] = True
        self.worker.deliver(Look(plane))
        brush = (plane.voxels(mask, self.shape), int(self.task.robot.truth[tuple(centre)]))
        edits = self._edits + 1
        threading.Timer(after, self._paint, brush).start()

        def seen(news: list[News]) -> bool:
            boxes = [each.box for each in news if isinstance(each, Block)]
            there = any(
                all(a <= n < b for a, n, b in zip(box.start, centre, box.stop, strict=True))
                for box in boxes
            )
            return there and news[-1].edits >= edits

        slice_ = self.until(seen)
        return slice_, self.until(lambda news: news[-1].complete)

    def until(self, enough: Callable[[list[News]], bool]) -> float:
        """Let the worker work; seconds from the last stroke until there is enough."""
        while not enough(self.worker.turn()):
            pass
        return self.clock.seconds - self._painted_at

    def _paint(self, where: np.ndarray, labels: np.ndarray | int) -> None:
        edit = self._annotation.change(where, labels, new_round=self._edits > 0)
        assert edit is not None
        self._annotation.apply(edit)
        self._edits += 1
        self._painted_at = self.clock.seconds
        self.worker.deliver(edit)


def refresh(
    volume: Annotated[str, typer.Option(help="What to paint on.")] = "brain",
    strokes: Annotated[int, typer.Option(min=1)] = 12,
    threads: Annotated[int, typer.Option(min=1, help="Of torch and of the guess.")] = 1,
) -> None:
    """Paint three slices, then strokes on slices not seen before; time what follows each."""
    import torch

    torch.set_num_threads(threads)
    console, random = Console(), np.random.default_rng(0)
    painter = Painter(next(iter(tasks([volume], 3, console))))
    console.print(f"everything guessed after {painter.begin():.1f} s, {threads} thread(s)")
    waits = []
    for number in range(strokes):
        axis = number % 3
        centre = [n // 2 for n in painter.shape]
        centre[axis] += 3 + number
        plane = Plane(axis, centre[axis])
        waits.append(painter.stroke(plane, centre, float(random.uniform(1, 3))))
        console.print(
            "stroke {}: viewed slice {:.2f} s, everything {:.1f} s".format(number + 1, *waits[-1])
        )
    for name, seconds in zip(("viewed slice", "everything"), zip(*waits, strict=True), strict=True):
        each = " ".join(f"{s:.2f}" for s in seconds)
        console.print(f"stroke to {name}, s: median {statistics.median(seconds):.2f}; {each}")


if __name__ == "__main__":
    typer.run(refresh)
