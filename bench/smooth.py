"""Whether the canvas stays smooth while both cores train, in three views and on 512³ voxels."""

from __future__ import annotations

import os
from collections.abc import Callable

import napari
import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from rich.console import Console

from bench.metronome import Metronome
from bench.report import OUT, Figure, report
from napari_densify.cases.samples import brain
from napari_densify.session.robot import Robot
from napari_densify.ui.case import CaseView

STROKES = 20
PAUSE_MS = 1500
DRAG = 24
"""Mouse moves of a stroke."""
LARGE = 512


class Hand(QObject):
    """Paints three slices, waits for learning, then draws with the mouse over the canvas."""

    def __init__(self, viewer: napari.Viewer, case: CaseView, truth: NDArray[np.uint8]) -> None:
        super().__init__()
        self.viewer, self.case, self.robot = viewer, case, Robot(truth)
        self.metronome = Metronome(self)
        self._strokes = 0
        self._timer = QTimer(self, interval=PAUSE_MS)
        self._timer.timeout.connect(self._draw)

    def start(self) -> None:
        shape = self.case.session.volume.shape
        for plane in self.robot.planes(3):
            for stroke in self.robot.paint(plane):
                voxels = plane.voxels(stroke.mask, shape)
                self.case.annotation.data_setitem(np.unravel_index(voxels, shape), stroke.label)
        self.case.session.status_changed.connect(self._begin)

    def _begin(self, status: object) -> None:
        if self.case.session.status.steps > 3:
            self.case.session.status_changed.disconnect(self._begin)
            self.metronome.start()
            self._timer.start()

    def _draw(self) -> None:
        """A stroke with the mouse, on another slice each time."""
        if self._strokes == STROKES:
            self._timer.stop()
            self.metronome.stop()
            self.viewer.close()
            return
        self._strokes += 1
        shape = self.case.session.volume.shape
        position = shape[0] // 2 + self._strokes
        self.viewer.dims.set_current_step(0, position)
        native = self.viewer.window._qt_viewer.canvas.native
        middle = QPoint(native.width() // 2, native.height() // 2)
        QTest.mousePress(native, Qt.MouseButton.LeftButton, pos=middle)
        for step in range(DRAG):
            QTest.mouseMove(native, middle + QPoint(3 * step, step))
            QTest.qWait(5)
        QTest.mouseRelease(native, Qt.MouseButton.LeftButton, pos=middle)


def smooth() -> None:
    """Open two windows one after the other, paint in them, and print the longest stalls."""
    volume, truth = brain()
    views = _paint_in(volume.data, truth, lambda case: case.dock.planes.orthogonal.click())
    big = _paint_in(*balls(), lambda case: None)
    figures = []
    for name, metronome in (("orthogonal views", views), (f"{LARGE}³", big)):
        console = Console()
        console.print(f"{name}: {len(metronome.stalls)} ticks, load {os.getloadavg()[0]:.1f}")
        for kind, stalls in (("s", metronome.stalls), ("processor s", metronome.work)):
            figures += [
                Figure(f"{name}: longest stall, {kind}", stalls[-1], 0.200),
                Figure(f"{name}: 95th percentile, {kind}", stalls[int(0.95 * len(stalls))], 0.050),
            ]
    report("smooth", figures)


def _paint_in(
    image: NDArray[np.generic], truth: NDArray[np.uint8], prepare: Callable[[CaseView], None]
) -> Metronome:
    viewer = napari.Viewer(title="Densify bench")
    viewer.window.resize(1400, 900)
    viewer.add_image(image, name="image")
    _, dock = viewer.window.add_plugin_dock_widget("napari-densify", "Segment")
    place = OUT / f"smooth-{os.getpid()}-{image.shape[0]}.densify"
    dock.opening.place = lambda volume, source, content: place
    hands: list[Hand] = []

    def begin(case: CaseView) -> None:
        case.dock = dock
        prepare(case)
        hands.append(Hand(viewer, case, truth))
        QTimer.singleShot(3000, hands[0].start)

    dock.caseOpened.connect(begin)
    dock.start()
    napari.run()
    return hands[0].metronome


def balls(kinds: int = 1) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A large noisy image of three balls, of so many kinds, and their truth."""
    rng = np.random.default_rng(0)
    truth = np.zeros((LARGE,) * 3, np.uint8)
    grid = np.ogrid[:LARGE, :LARGE, :LARGE]
    for number, centre in enumerate(((256, 256, 256), (150, 300, 380), (360, 200, 120))):
        far = sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True))
        truth[far < 90**2] = 1 + number % kinds
    image = rng.integers(0, 100, truth.shape, np.uint8)
    image += np.uint8(80) * (truth > 0)
    return image, truth
