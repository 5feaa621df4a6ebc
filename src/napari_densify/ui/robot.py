"""The simulated user in the window: paints on the annotation layer as a person's strokes do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_densify.session.news import Status
from napari_densify.session.robot import Stroke
from napari_densify.session.simulate import Run, Simulation
from napari_densify.ui.case import CaseView
from napari_densify.ui.segment import SegmentWidget
from napari_densify.ui.strokes import paint
from napari_densify.ui.view import show_plane

STROKE_MS = 250
"""Time between strokes, so that a person can follow."""


class WindowRobot(QObject):
    """Drives the dock through rounds of painting, learning and correcting.

    Parameters
    ----------
    widget : SegmentWidget
    truth : (z, y, x) uint8
        0 = background, 1… = structures.
    slices, rounds : int
        Slices painted at first; correction rounds after that.
    seconds : float
        Learning in each round.
    """

    painted = Signal()
    roundOver = Signal(object)
    finished = Signal(object)

    def __init__(
        self,
        widget: SegmentWidget,
        truth: NDArray[np.uint8],
        slices: int = 3,
        rounds: int = 2,
        seconds: float = 30,
    ) -> None:
        super().__init__(widget)
        self._widget, self._truth = widget, truth
        self._slices, self._rounds, self._seconds = slices, rounds, seconds
        self._strokes: list[Stroke] = []
        self._brush = QTimer(self, interval=STROKE_MS)
        self._brush.timeout.connect(self._paint_next)
        self._simulation: Simulation | None = None
        self.case: CaseView | None = None
        self.paused = self._waiting = False

    def start(self) -> None:
        """Press Annotate and begin as soon as the layers are there."""
        self._waiting = True
        self._widget.caseOpened.connect(self._begin)
        self._widget.start()

    @property
    def run(self) -> Run | None:
        """What came of it until now."""
        return self._simulation.run if self._simulation is not None else None

    def set_pace(self, ms: int) -> None:
        """Let so much time pass between strokes."""
        self._brush.setInterval(ms)

    def pause(self, on: bool) -> None:
        """Let brush and learning rest, and the round's clock stand still; False: go on."""
        self.paused = on
        if self._simulation is None or self.case is None:
            return
        if on:
            self._brush.stop()
            self._simulation.hold()
        elif self._strokes:
            self._brush.start()
        self.case.session.train(not on and not self._strokes)
        if not on:
            self._simulation.go_on()

    def stop(self) -> None:
        """Put the brush down for good; the case stays open, at rest."""
        self._brush.stop()
        self._strokes = []
        if self._waiting:
            self._waiting = False
            self._widget.caseOpened.disconnect(self._begin)
        if self.case is not None:
            case, self.case = self.case, None
            case.session.status_changed.disconnect(self._follow)
            case.session.pause()

    def _begin(self, case: CaseView) -> None:
        self.case = case
        self._waiting = False
        self._widget.caseOpened.disconnect(self._begin)
        self._simulation = Simulation(self._truth, case.session, self._slices, self._seconds)
        self._widget.classes.require(self._simulation.robot.classes)
        case.session.status_changed.connect(self._follow)
        self._begin_round()

    def _begin_round(self) -> None:
        if self._simulation is not None:
            self._strokes = self._simulation.begin()
            self._brush.start()

    def _paint_next(self) -> None:
        if self.case is None:
            return
        if not self._strokes:
            self._brush.stop()
            self.painted.emit()
            self.case.session.train()
            return
        stroke = self._strokes.pop(0)
        plane, viewer = stroke.plane, self._widget.viewer
        self._widget.planes.setValue(plane.orientation)
        show_plane(viewer, self.case.annotation, plane)
        self._widget.classes.pick(stroke.label)
        shape = self._truth.shape
        voxels = plane.voxels(stroke.mask, (shape[0], shape[1], shape[2]))
        paint(self.case.annotation, voxels, stroke.label)

    def _follow(self, status: Status) -> None:
        if self._simulation is None or self.case is None:
            return
        if self.paused or self._brush.isActive():
            return
        over = self._simulation.follow(status)
        if over is None:
            return
        self.roundOver.emit(over)
        if over.round < self._rounds:
            self._begin_round()
        else:
            self.stop()
            self.finished.emit(self._simulation.run)
