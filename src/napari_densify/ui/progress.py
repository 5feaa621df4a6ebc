"""How learning goes: phase, steps, device, and a live curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyqtgraph
from napari.utils import progress
from qtpy.QtCore import QSize
from qtpy.QtGui import QFontMetricsF
from qtpy.QtWidgets import QLabel, QSizePolicy, QTabWidget, QVBoxLayout, QWidget

from napari_densify.cases.history import Entry
from napari_densify.cases.labels import BACKGROUND
from napari_densify.session.agreement import settled
from napari_densify.session.news import Phase, Status
from napari_densify.ui.section import Section

if TYPE_CHECKING:
    from napari_densify.ui.case import CaseView

CURVE = "#56B4E9"
RESTING = (Phase.PAUSED, Phase.LEARNED, Phase.WAITING, Phase.STOPPED)
"""What it does not leave by itself."""
LINES = 2
"""Lines that what it says may take in the dock, and always takes."""
UNWRAPPED = 10_000
"""Pixels of width in which any sentence fits into one line."""
POINTS = 2000
"""Points of the curve that are kept."""


class Sentence(QLabel):
    """A sentence that wraps; what is below it stays where it is, however long the sentence."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setWordWrap(True)

    def heightForWidth(self, width: int) -> int:
        """Of the longest that is said, or of this one where it is even longer."""
        one = super().heightForWidth(UNWRAPPED)  # with what the theme leaves free around it
        spacing = QFontMetricsF(self.font()).lineSpacing()
        longest = one + math.ceil((LINES - 1) * spacing)
        return max(super().heightForWidth(width), longest)

    def sizeHint(self) -> QSize:
        """As high as it is in its own width."""
        hint = super().sizeHint()
        return QSize(hint.width(), self.heightForWidth(hint.width()))


class ProgressPanel(QWidget):
    """Shows a session's status; long work appears in napari's activity dock too."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._case: CaseView | None = None
        self.phase = Sentence("Choose an image and press Annotate.")
        self.details = QLabel("")
        self.details.setWordWrap(True)
        self.hint = QLabel("The last rounds changed little: more work will hardly help.")
        self.hint.setWordWrap(True)
        self.hint.hide()
        self.plots = QTabWidget()
        # pyqtgraph would like 640 pixels, and the dock would take half of a small screen.
        self.plots.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.plots.setFixedHeight(150)
        self._curve = self._add_plot("loss", "seconds of training")
        dots = {"symbol": "o", "symbolSize": 6, "symbolBrush": CURVE}
        self._points = self._add_plot("agreement", "round", **dots)
        self.plots.setTabToolTip(
            1, "How much of each slice you corrected was right before you did, round by round"
        )
        self._seconds: list[float] = []
        self._losses: list[float] = []
        self._scores: dict[int, float] = {}
        self._round = 0
        self._activity: progress | None = None
        self._busy_with: Phase | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for widget in (
            self.phase,
            self.hint,
            self.details,
            Section("Curves", self.plots, folded=True),
        ):
            layout.addWidget(widget)

    def follow(self, case: CaseView | None) -> None:
        """Show how a running case learns from now on; None: none, see `finish`."""
        if self._case is not None:
            session = self._case.session
            session.status_changed.disconnect(self.setValue)
            session.edited.disconnect(self._edited)
            session.scored.disconnect(self.addScore)
        self._case = case
        if case is not None:
            session = case.session
            session.status_changed.connect(self.setValue)
            session.edited.connect(self._edited)
            session.scored.connect(self.addScore)
            self.setPast(session.past)
            self._edited()
            if session.read_only:
                self.phase.setText("Read-only: what another window learns is not shown here.")

    def setValue(self, status: Status) -> None:
        """Show where the loop stands."""
        self._say(status)
        worker = "no device yet"
        if status.device:
            memory = f"{status.memory_mb / 1000:.1f} GB"
            worker = f"{status.device} · {status.threads} threads · {status.steps} steps · {memory}"
        self.details.setText(f"round {self._round} · {worker}")
        if not math.isnan(status.loss) and status.train_seconds not in self._seconds[-1:]:
            self._seconds.append(status.train_seconds)
            self._losses.append(status.loss)
            self._curve.setData(self._seconds[-POINTS:], self._losses[-POINTS:])
        self._show_activity(status)

    def addScore(self, round_: int, agreement: float) -> None:
        """Show how well the prediction fitted what was painted in a round."""
        self._scores[round_] = agreement
        self._points.setData(list(self._scores), list(self._scores.values()))
        self.hint.setHidden(not settled(self._scores.values()))

    def setPast(self, entries: Sequence[Entry]) -> None:
        """Begin the curve with what a project tells of earlier learning."""
        learned = [e for e in entries if e.loss is not None]
        self._seconds = [e.seconds for e in learned]
        self._losses = [e.loss for e in learned if e.loss is not None]
        self._curve.setData(self._seconds[-POINTS:], self._losses[-POINTS:])
        self._scores = {}
        self._points.setData([], [])
        self.hint.hide()
        for entry in entries:
            if entry.agreement is not None:
                self.addScore(entry.round, entry.agreement)

    def clear(self) -> None:
        """Begin new curves."""
        self.setPast([])

    def finish(self, sentence: str) -> None:
        """End the activity and say why."""
        self.phase.setText(sentence)
        self._end_activity()

    def _say(self, status: Status) -> None:
        painted = self._case.session.annotation.classes if self._case is not None else []
        live = self._case is None or self._case.session.live
        self.phase.setText(what_next(status, painted, live))

    def _edited(self, edit: Any = None) -> None:
        if self._case is not None:
            self._round = self._case.session.annotation.round
            if not self._case.session.read_only:
                self._say(self._case.session.status)

    def _add_plot(self, name: str, along: str, **dots: Any) -> pyqtgraph.PlotDataItem:
        plot = pyqtgraph.PlotWidget(background=None)
        plot.setLabel("left", name)
        plot.setLabel("bottom", along)
        plot.setMenuEnabled(False)
        plot.setMouseEnabled(False, False)
        plot.hideButtons()
        self.plots.addTab(plot, name)
        return plot.plot(pen=pyqtgraph.mkPen(CURVE, width=2), **dots)

    def _show_activity(self, status: Status) -> None:
        starting = status.phase == Phase.STARTING
        catching_up = status.phase == Phase.PREDICTING and status.done < 1
        if starting and self._busy_with != Phase.STARTING:
            self._end_activity()
            self._activity = progress(total=0, desc="Densify: starting the worker")
            self._busy_with = Phase.STARTING
        elif catching_up and self._busy_with != Phase.PREDICTING:
            self._end_activity()
            # Without a share, which the dock tells: napari draws the whole window at once for each.
            self._activity = progress(total=0, desc="Densify: predicting the volume")
            self._busy_with = Phase.PREDICTING
        elif status.phase in RESTING or status.done == 1:
            self._end_activity()

    def _end_activity(self) -> None:
        if self._activity is not None:
            self._activity.close()
        self._activity, self._busy_with = None, None


def what_next(status: Status, painted: Sequence[int], live: bool) -> str:
    """What it does, and what the user can do now, in plain words that fit into `LINES`.

    Parameters
    ----------
    status : Status
    painted : ints
        The classes that something is painted of.
    live : bool
        Whether it learns by itself.
    """
    if status.phase == Phase.STOPPED:
        return "Stopped."
    if len(painted) < 2 and status.done > 0:
        # Another case, or a model from elsewhere, has taught it.
        known = f"By what was learned before: {status.done:.0%} of the volume is predicted"
        return f"{known}. Paint over what is wrong."
    if len(painted) == 0:
        first = "Paint on a slice: some of a structure, and some background beside it."
        return f"Getting ready … {first}" if status.phase == Phase.STARTING else first
    if status.phase == Phase.STARTING:
        return "Getting ready to learn … You can paint already."
    if len(painted) == 1:
        other = "background (key 1)" if painted[0] != BACKGROUND else "the structure (key 2)"
        return f"Paint a second class to start learning: {other}."
    up_to_date = f"{status.done:.0%} of the volume is up to date"
    if status.phase == Phase.PAUSED:  # while the rest is still predicted it is another phase
        go_on = "press Train to go on" if live else "paint over what is wrong and press Update once"
        return f"At rest: {up_to_date}; {go_on}."
    learned = status.phase == Phase.LEARNED
    says = "It has learned what is painted" if learned else "Learning"
    if status.done < 1:
        return f"{says}: {up_to_date}."
    where = "Where it is wrong, paint the right class over it."
    return f"{says}. {where}" if learned else f"{says}: {up_to_date}. {where}"
