"""How long the event loop of a window stands still."""

from __future__ import annotations

import time

from qtpy.QtCore import QObject, QTimer

TICK_MS = 5


class Metronome(QObject):
    """Ticks, and notes by how much each tick came late, and how long its thread worked meanwhile.

    On a busy machine a tick is late because others have the cores; the work says what would be
    left of that on a free one. What is drawn without a graphics card is drawn by Mesa's threads,
    and counts as the window's own work only with `LP_NUM_THREADS=0` in the environment.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._late: list[float] = []
        self._worked: list[float] = []
        self._last, self._work = time.perf_counter(), time.thread_time()
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        self._last, self._work = time.perf_counter(), time.thread_time()
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    @property
    def stalls(self) -> list[float]:
        """Seconds that ticks were late, ascending."""
        return sorted(self._late)

    @property
    def work(self) -> list[float]:
        """By how many processor seconds of the thread's own work they were late, ascending."""
        return sorted(self._worked)

    def _tick(self) -> None:
        now, work = time.perf_counter(), time.thread_time()
        self._late.append(max(now - self._last - TICK_MS / 1000, 0))
        self._worked.append(max(work - self._work - TICK_MS / 1000, 0))
        self._last, self._work = now, work
