"""How learning goes: phase, steps, device, and a live curve."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyqtgraph
from napari.utils import progress
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_densify.cases.history import Entry
from napari_densify.session.news import Phase, Status

POINTS = 2000
"""Points of the curve that are kept."""


class ProgressPanel(QWidget):
    """Shows a session's status; long work appears in napari's activity dock too."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.phase = QLabel("Choose an image and press Annotate.")
        self.phase.setWordWrap(True)
        self.details = QLabel("")
        self.plot = pyqtgraph.PlotWidget(background=None)
        self.plot.setFixedHeight(110)
        # pyqtgraph would like 640 pixels, and the dock would take half of a small screen.
        self.plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.plot.setLabel("left", "loss")
        self.plot.setLabel("bottom", "seconds of training")
        self.plot.setMenuEnabled(False)
        self.plot.setMouseEnabled(False, False)
        self.plot.hideButtons()
        self._curve = self.plot.plot(pen=pyqtgraph.mkPen("#56B4E9", width=2))
        self._seconds: list[float] = []
        self._losses: list[float] = []
        self._round = 0
        self._activity: progress | None = None
        self._busy_with: Phase | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.phase, self.details, self.plot):
            layout.addWidget(widget)

    def setValue(self, status: Status) -> None:
        """Show where the loop stands."""
        self.phase.setText(_sentence(status))
        self.details.setText(
            f"round {self._round} · {status.device or 'no device yet'} · "
            f"{status.threads} threads · {status.steps} steps · {status.memory_mb / 1000:.1f} GB"
        )
        if not math.isnan(status.loss) and status.train_seconds not in self._seconds[-1:]:
            self._seconds.append(status.train_seconds)
            self._losses.append(status.loss)
            self._curve.setData(self._seconds[-POINTS:], self._losses[-POINTS:])
        self._show_activity(status)

    def setRound(self, number: int) -> None:
        """Name the round from the next status on."""
        self._round = number

    def setPast(self, entries: Sequence[Entry]) -> None:
        """Begin the curve with what a project tells of earlier learning."""
        learned = [e for e in entries if e.loss is not None]
        self._seconds = [e.seconds for e in learned]
        self._losses = [e.loss for e in learned if e.loss is not None]
        self._curve.setData(self._seconds[-POINTS:], self._losses[-POINTS:])

    def clear(self) -> None:
        """Begin a new curve."""
        self._seconds, self._losses = [], []
        self._curve.setData([], [])

    def finish(self, sentence: str) -> None:
        """End the activity and say why."""
        self.phase.setText(sentence)
        self._end_activity()

    def _show_activity(self, status: Status) -> None:
        starting = status.phase == Phase.STARTING
        catching_up = status.phase == Phase.PREDICTING and status.done < 1
        if starting and self._busy_with != Phase.STARTING:
            self._end_activity()
            self._activity = progress(total=0, desc="Densify: starting the worker")
            self._busy_with = Phase.STARTING
        elif catching_up and self._busy_with != Phase.PREDICTING:
            self._end_activity()
            self._activity = progress(total=100, desc="Densify: predicting the volume")
            self._busy_with = Phase.PREDICTING
        elif status.phase in (Phase.PAUSED, Phase.WAITING, Phase.STOPPED) or status.done == 1:
            self._end_activity()
        if self._activity is not None and self._busy_with == Phase.PREDICTING:
            self._activity.update(int(100 * status.done) - self._activity.n)

    def _end_activity(self) -> None:
        if self._activity is not None:
            self._activity.close()
        self._activity, self._busy_with = None, None


def _sentence(status: Status) -> str:
    match status.phase:
        case Phase.STARTING:
            return "Starting the worker …"
        case Phase.WAITING:
            return "Paint a second class to start learning."
        case Phase.TRAINING | Phase.PREDICTING:
            return f"Learning — {status.done:.0%} of the volume is up to date."
        case Phase.PAUSED:
            return f"Paused — {status.done:.0%} of the volume is up to date."
        case Phase.STOPPED:
            return "Stopped."
