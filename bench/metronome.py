"""How long the event loop of a window stands still."""

from __future__ import annotations

import time

from qtpy.QtCore import QObject, QTimer

TICK_MS = 5


class Metronome(QObject):
    """Ticks, and notes by how much each tick came late."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._late: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        self._last = time.perf_counter()
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    @property
    def stalls(self) -> list[float]:
        """Seconds that ticks were late, ascending."""
        return sorted(self._late)

    def _tick(self) -> None:
        now = time.perf_counter()
        self._late.append(max(now - self._last - TICK_MS / 1000, 0))
        self._last = now
