"""A method in a process of its own, with a clock that stands still while others have their turn.

Its own process so that its peak memory is its own; a clock that can stand still so that methods
take turns, mark by mark, and whatever else the machine does meets all of them alike. Scoring is
done over here, while nobody's clock runs.
"""

from __future__ import annotations

import multiprocessing
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.clock import Clock
from bench.volumes import Task

Labels = NDArray[np.uint8]
GONE = "its process is gone, perhaps for want of memory"


class MethodFailed(RuntimeError):
    """A method's process ended with an error."""


@dataclass(frozen=True)
class Options:
    """What all methods get alike.

    Attributes
    ----------
    threads : int
    device : str
        Of the networks.
    seed : int
    marks : tuple of floats
        Seconds at which predictions are compared.
    rates : bool
        Whether to measure throughput once the last mark is over.
    free_clock : bool
        Whether the clocks leave out waiting for a core, see `Clock`.
    """

    threads: int
    device: str
    seed: int
    marks: tuple[float, ...]
    rates: bool = True
    free_clock: bool = False


class Screen:
    """The method's end: what its user sees, and when."""

    def __init__(self, pipe: Connection, clock: Clock) -> None:
        self._pipe, self._clock = pipe, clock
        self._until = 0.0

    @property
    def seconds(self) -> float:
        """Time on the clock."""
        return self._clock.seconds

    @property
    def cores(self) -> float:
        """How many cores it had on average while its clock ran: few on a busy machine."""
        return self._clock.cores

    def ready(self) -> None:
        """Everything is imported and the slices are painted: the clock starts with our turn."""
        self._pipe.send(("ready",))
        self._until = self._pipe.recv()
        self._clock.start()

    def show(self, labels: Labels, seconds: float | None = None) -> None:
        """Put a prediction on the screen; 0 where there is none yet.

        Parameters
        ----------
        labels : (z, y, x) uint8
            As in the annotation.
        seconds : float
            Since when it has been there; None for now.
        """
        now = self.seconds if seconds is None else seconds
        with self.standstill():
            self._pipe.send(("shown", now, labels))

    def pause(self) -> None:
        """Let the others have their turn if ours is over; to be asked often."""
        if self.seconds >= self._until:
            with self.standstill():
                self._pipe.send(("turn over",))
                self._until = self._pipe.recv()

    @contextmanager
    def standstill(self) -> Iterator[None]:
        """Stop the clock for what a user would not wait for."""
        running = self._clock.running
        self._clock.stop()
        yield
        if running:
            self._clock.start()


Method = Callable[[Task, Options, Screen], dict[str, Any]]
"""Calls `screen.ready`, shows what it has, pauses, and returns facts about itself at the end."""


class Lane:
    """Our end: starts a method and gives it its turns.

    Parameters
    ----------
    method : Method
        A function of a module, so that another process can import it.
    task : Task
    options : Options
    """

    def __init__(self, method: Method, task: Task, options: Options) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        start = time.perf_counter()
        self._process = context.Process(
            target=_live, args=(theirs, method, task, options), daemon=True
        )
        self._process.start()
        theirs.close()
        self.facts: dict[str, Any] | None = None
        self._receive("ready")
        self.startup_seconds = time.perf_counter() - start

    def turn(self, until: float) -> list[tuple[float, Labels]]:
        """Let the method run until its clock shows `until`; what it put on the screen when."""
        if self.facts is not None:
            return []
        self._go(until)
        return self._receive("turn over")

    def finish(self) -> dict[str, Any]:
        """Let it measure what it measures at the end; its facts."""
        while self.facts is None:
            self._go(float("inf"))
            self._receive("turn over")
        self._process.join()
        return self.facts

    def close(self) -> None:
        """End the process if it has not ended by itself."""
        if self._process.is_alive():
            self._process.terminate()
        self._process.join()

    def _go(self, until: float) -> None:
        try:
            self._pipe.send(until)
        except OSError as error:
            raise MethodFailed(GONE) from error

    def _receive(self, last: str) -> list[tuple[float, Labels]]:
        shown: list[tuple[float, Labels]] = []
        while True:
            try:
                kind, *content = self._pipe.recv()
            except (EOFError, OSError) as error:
                raise MethodFailed(GONE) from error
            if kind == "shown":
                shown.append((content[0], content[1]))
            elif kind == "failed":
                raise MethodFailed(content[0])
            elif kind == "done":
                self.facts = content[0]
                return shown
            elif kind == last:
                return shown


def _live(pipe: Connection, method: Method, task: Task, options: Options) -> None:
    screen = Screen(pipe, Clock(options.free_clock))
    try:
        pipe.send(("done", method(task, options, screen)))
    except Exception:  # noqa: BLE001  whatever it is, the others go on
        pipe.send(("failed", traceback.format_exc()))
