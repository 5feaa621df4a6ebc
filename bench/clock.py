"""A clock that can stand still, and that can leave out waiting for a core that others have."""

from __future__ import annotations

import os
import time
from pathlib import Path

TASKS = Path("/proc/self/task")


class Clock:
    """Seconds that it ran, not counting those while it was stopped.

    Parameters
    ----------
    free : bool
        Also leave out the longest time that one of this process's threads was ready to run and
        got no core: what is left is about what the wall clock shows on a machine that is free
        (more, where threads wait for cores one after the other; less, where the one that waits
        holds nobody up). Linux only; False is the wall clock.
    """

    def __init__(self, free: bool = False) -> None:
        self._free = free and can_be_free()
        self._elapsed = self._worked = 0.0
        self._since: float | None = None
        self._cpu_since = 0.0
        self._waits_since: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        """Time on the clock."""
        if self._since is None:
            return self._elapsed
        running = time.perf_counter() - self._since
        if self._free:
            now = _waits()
            running -= max(w - self._waits_since.get(t, 0.0) for t, w in now.items())
        return self._elapsed + running

    @property
    def cores(self) -> float:
        """How many cores the process had on average up to the last stop."""
        return self._worked / max(self._elapsed, 1e-9)

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._since is not None

    def start(self) -> None:
        """Let it run, or run on."""
        self._waits_since = _waits() if self._free else {}
        self._since, self._cpu_since = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        """Let it stand still."""
        if self.running:
            self._elapsed = self.seconds
            self._worked += time.process_time() - self._cpu_since
            self._since = None


def can_be_free() -> bool:
    """Whether the system tells how long a thread waited for a core."""
    return (TASKS / str(os.getpid()) / "schedstat").is_file()


def _waits() -> dict[str, float]:
    """Seconds that each of this process's threads waited for a core so far."""
    waits = {}
    for task in os.listdir(TASKS):
        try:
            waits[task] = int((TASKS / task / "schedstat").read_text().split()[1]) / 1e9
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread that has just ended
    return waits
