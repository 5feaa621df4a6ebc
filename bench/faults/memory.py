"""A worker that gets no more memory, and is killed for it if it only hangs."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import psutil

from bench.faults.kills import Life
from bench.faults.stage import Story, look
from bench.faults.tally import Tally

ROOM = (0, 1 << 20, 8 << 20)
"""Bytes more than it has that the worker may still take."""


def memory(place: Path, count: int, seed: int = 0) -> Tally:
    """`count` times, let the worker run into a limit in the middle of its work, and paint on.

    A process without memory cannot be trusted to say so: its event loop may just stand.
    """
    tally, rng = Tally("worker out of memory"), np.random.default_rng(seed)
    if not sys.platform.startswith("linux"):
        return tally  # nowhere else can a process be given a limit from outside
    for number in range(count):
        with tally.case(f"limit {number}, seed {seed}"):
            one_limit(place / f"{number}.densify", ROOM[number % len(ROOM)], rng)
    return tally


def one_limit(folder: Path, room: int, rng: np.random.Generator) -> None:
    """Paint, learn, take the worker's memory away, paint on, end in order, open, compare.

    Raises
    ------
    Lost or Wrong
    """
    story = Story()
    life = Life(folder, int(rng.integers(2**31)), story)
    try:
        life.wait_for(strokes=1, steps=1)
        first, worker = life.worker, psutil.Process(life.worker)
        limit = worker.memory_info().vms + room
        worker.rlimit(psutil.RLIMIT_AS, (limit, limit))
        life.wait_for(strokes=20)
        # It may fail, and be replaced, or hang until the system kills it; in this moment perhaps.
        if life.worker == first:
            life.kill("worker")
        life.wait_for(steps=1, after=first)
        life.finish()
    finally:
        life.bury()
    look(folder, story)
