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

from bench.first_slices import FirstSlices
from bench.metronome import Metronome
from bench.report import OUT, Figure, report
from napari_densify.cases.samples import brain
from napari_densify.ui.case import CaseView
from napari_densify.ui.side_by_side import orthogonal_views

STROKES = 20
PAUSE_MS = 1500
DRAG = 24
"""Mouse moves of a stroke."""
LARGE = 512


class Hand(QObject):
    """Draws with the mouse over the canvas, on another slice each time."""

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self.viewer, self.metronome = viewer, Metronome(self)
        self._strokes = 0
        self._timer = QTimer(self, interval=PAUSE_MS)
        self._timer.timeout.connect(self._draw)

    def start(self) -> None:
        self.metronome.start()
        self._timer.start()

    def _draw(self) -> None:
        if self._strokes == STROKES:
            self._timer.stop()
            self.metronome.stop()
            self.viewer.close()
            return
        self._strokes += 1
        self.viewer.dims.set_current_step(0, self.viewer.dims.nsteps[0] // 2 + self._strokes)
        native = self.viewer.window._qt_viewer.canvas.native
        middle = QPoint(native.width() // 2, native.height() // 2)
        QTest.mousePress(native, Qt.MouseButton.LeftButton, pos=middle)
        for step in range(DRAG):
            QTest.mouseMove(native, middle + QPoint(3 * step, step))
            QTest.qWait(5)
        QTest.mouseRelease(native, Qt.MouseButton.LeftButton, pos=middle)


def smooth() -> None:
    """Open one window after the other, paint in them, and print the longest stalls.

    What napari itself takes for the same strokes in its three views, with an image and a labels
    layer and without us, is there to compare with.
    """
    volume, truth = brain()
    alone = _paint_without_us(volume.data)
    _print("napari alone, orthogonal views", alone)
    figures = []
    for name, metronome in (
        ("orthogonal views", _paint_in(volume.data, truth, _show_orthogonal)),
        (f"{LARGE}³", _paint_in(*balls(), lambda case: None)),
    ):
        _print(name, metronome)
        for kind, stalls in (("s", metronome.stalls), ("processor s", metronome.work)):
            figures += [
                Figure(f"{name}: longest stall, {kind}", stalls[-1], 0.200),
                Figure(f"{name}: 95th percentile, {kind}", stalls[int(0.95 * len(stalls))], 0.050),
            ]
    report("smooth", figures)


def _print(name: str, metronome: Metronome) -> None:
    longest = f"{metronome.stalls[-1]:.3f} s, {metronome.work[-1]:.3f} processor s"
    often = [stalls[int(0.95 * len(stalls))] for stalls in (metronome.stalls, metronome.work)]
    Console().print(
        f"{name}: {len(metronome.stalls)} ticks, load {os.getloadavg()[0]:.1f}; longest stall "
        f"{longest}; 95th percentile {often[0]:.3f} s, {often[1]:.3f} processor s"
    )


def _show_orthogonal(case: CaseView) -> None:
    case.dock.planes.orthogonal.click()


def _paint_without_us(image: NDArray[np.generic]) -> Metronome:
    viewer = _window(image)
    labels = viewer.add_labels(np.zeros(image.shape, np.uint8))
    labels.mode = "paint"
    orthogonal_views(viewer).show()
    hand = Hand(viewer)
    QTimer.singleShot(3000, hand.start)
    napari.run()
    return hand.metronome


def _paint_in(
    image: NDArray[np.generic], truth: NDArray[np.uint8], prepare: Callable[[CaseView], None]
) -> Metronome:
    viewer = _window(image)
    _, dock = viewer.window.add_plugin_dock_widget("napari-densify", "Segment")
    place = OUT / f"smooth-{os.getpid()}-{image.shape[0]}.densify"
    dock.opening.place = lambda volume, source, content: place
    hand = Hand(viewer)
    slices: list[FirstSlices] = []

    def begin(case: CaseView) -> None:
        case.dock = dock
        prepare(case)
        slices.append(FirstSlices(case, truth, hand.start))
        QTimer.singleShot(3000, slices[0].start)

    dock.caseOpened.connect(begin)
    dock.start()
    napari.run()
    return hand.metronome


def _window(image: NDArray[np.generic]) -> napari.Viewer:
    viewer = napari.Viewer(title="Densify bench")
    viewer.window.resize(1400, 900)
    viewer.add_image(image, name="image")
    return viewer


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
