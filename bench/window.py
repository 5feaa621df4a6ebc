"""How the window feels while both cores train: stalls, stroke to refreshed slice, opening.

A stroke's wait ends when the block of the viewed slice that holds it is drawn, predicted by what
has learned from it.
"""

from __future__ import annotations

import os
import statistics
import time

import napari
import numpy as np
from qtpy.QtCore import QObject, QTimer
from rich.console import Console

from bench.first_slices import FirstSlices, put
from bench.metronome import Metronome
from bench.report import OUT, Figure, report
from napari_densify.cases.box import Box
from napari_densify.cases.plane import Plane
from napari_densify.cases.samples import brain
from napari_densify.session.news import Status
from napari_densify.ui.case import CaseView

STROKES = 12
PAUSE_MS = 4000
"""Between strokes; the slice must be up to date again well before."""
LOOK_MS = 1000
"""From going to a slice to a stroke on it: nobody paints on what has not been looked at."""


class Painter(QObject):
    """Paints strokes on the viewed slice, and times what follows each."""

    def __init__(self, viewer: napari.Viewer, case: CaseView, truth: np.ndarray) -> None:
        super().__init__()
        self.viewer, self.case, self.truth = viewer, case, truth
        self.waits: list[float] = []
        self.whole = float("nan")
        self._stroke_at: float | None = None
        self._last_stroke_at = 0.0
        self._stroke_edits = 0
        self._stroke: tuple[int, ...] = ()
        self._block: Box | None = None
        self._fresh = False
        self.metronome = Metronome(self)
        self._brush = QTimer(self, interval=PAUSE_MS)
        self._brush.timeout.connect(self._look)
        case.session.prediction_changed.connect(self._predicted)
        case.session.status_changed.connect(self._status)
        case.prediction.events.set_data.connect(self._drawn)

    def start(self) -> None:
        self.metronome.start()
        self._brush.start()

    def _look(self) -> None:
        """Go to the next slice of the next orientation."""
        if len(self.waits) == STROKES or self._stroke_at is not None:
            return
        axis = len(self.waits) % 3
        shape = self.case.session.volume.shape
        plane = Plane(axis, shape[axis] // 2 + 3 + len(self.waits))
        self.case.dock.planes.setValue(plane.orientation)
        self.viewer.dims.set_current_step(axis, plane.position)
        QTimer.singleShot(LOOK_MS, lambda: self._paint_stroke(plane))

    def _paint_stroke(self, plane: Plane) -> None:
        """A stroke of 9×9 pixels in the middle of a slice."""
        mask = np.zeros_like(plane.take(self.truth), bool)
        centre = [n // 2 for n in mask.shape]
        mask[centre[0] - 4 : centre[0] + 5, centre[1] - 4 : centre[1] + 5] = True
        label = int(np.median(plane.take(self.truth)[mask]))
        centre.insert(plane.axis, plane.position)
        self._stroke = tuple(centre)
        self._last_stroke_at = time.perf_counter()
        self._stroke_at, self._fresh = self._last_stroke_at, False
        self._stroke_edits = self.case.session.orders.given + 1
        put(self.case, plane, mask, label)

    def _predicted(self, box: Box) -> None:
        self._block = box

    def _status(self, status: Status) -> None:
        if status.edits < self._stroke_edits:
            return
        # A turn's block comes just before its status: from here on the next drawing shows it.
        if status.phase == "predicting" and self._block and self._stroke:
            inside = zip(self._block.start, self._stroke, self._block.stop, strict=True)
            self._fresh |= all(a <= n < b for a, n, b in inside)
        if status.complete and len(self.waits) == STROKES:
            self.whole = time.perf_counter() - self._last_stroke_at
            self.metronome.stop()
            self._brush.stop()
            self.viewer.close()

    def _drawn(self, event: object = None) -> None:
        if self._stroke_at is not None and self._fresh:
            self.waits.append(time.perf_counter() - self._stroke_at)
            self._stroke_at = None


def window(large: bool = False) -> None:
    """Open a real window on the demo volume, train, paint, and print what it felt like.

    Parameters
    ----------
    large : bool
        On all of the brain, 8.7 million voxels, of which the demo volume is the middle.
    """
    volume, truth = brain(crop=not large)
    viewer = napari.Viewer(title="Densify bench")
    viewer.window.resize(1400, 900)
    viewer.add_image(volume.data, name=volume.name, scale=volume.spacing)
    start = time.perf_counter()
    _, dock = viewer.window.add_plugin_dock_widget("napari-densify", "Segment")
    dock.opening.place = lambda volume, source, content: OUT / f"window-{os.getpid()}.densify"
    napari.qt.get_qapp().processEvents()
    opened = time.perf_counter() - start
    painters: list[Painter] = []
    slices: list[FirstSlices] = []
    last: list[Status] = []

    def begin(case: CaseView) -> None:
        case.dock = dock
        painters.append(Painter(viewer, case, truth))
        case.session.status_changed.connect(last.append)
        slices.append(FirstSlices(case, truth, painters[0].start))
        QTimer.singleShot(3000, slices[0].start)

    dock.caseOpened.connect(begin)
    dock.start()
    napari.run()
    painter = painters[0]
    running = [s for s in last if s.steps]
    stalls = painter.metronome.stalls
    Console().print(f"{len(stalls)} ticks, strokes: {[f'{w:.2f}' for w in painter.waits]} s")
    figures = [
        Figure("dock opens, s", opened, 1.0),
        Figure("first prediction after first step, s", running[-1].first_prediction_seconds, 10),
        Figure("stroke to refreshed slice, median, s", statistics.median(painter.waits), 0.5),
        Figure("last stroke to refreshed brain, s", painter.whole, 10.0),
        Figure("longest stall of the event loop, s", stalls[-1], 0.200),
        Figure("95th percentile of stalls, s", stalls[int(0.95 * len(stalls))], 0.050),
        Figure("worker's peak memory, GB", max(s.memory_mb for s in running) / 1000, 2.0),
    ]
    report("large" if large else "window", figures)
