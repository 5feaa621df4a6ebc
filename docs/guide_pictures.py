"""Renew the guide's pictures from a real window that is really worked in: `make docs`."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from napari.layers._source import layer_source
from napari.settings import get_settings
from qtpy.QtWidgets import QApplication

from napari_densify.cases.formats import write_volume
from napari_densify.cases.oblique import ObliquePlane
from napari_densify.cases.samples import TISSUES, brain
from napari_densify.session.robot import Robot, Stroke
from napari_densify.ui.case import CaseView
from napari_densify.ui.classes import ClassRow, default_class
from napari_densify.ui.segment import SegmentWidget

IMAGES = Path(__file__).parent / "images" / "guide"
SIZE = (1366, 768)
PATIENCE = 300.0
"""Seconds after which something is broken, not slow."""


class Tour:
    """A window on the sample brain, cut in two, and the hands that work in it."""

    def __init__(self, folder: Path) -> None:
        self.viewer = napari.Viewer(title="Densify")
        self.viewer.window.resize(*SIZE)
        volume, truth = brain()
        middle = volume.shape[2] // 2
        halves = [np.ascontiguousarray(volume.data[..., :middle]), volume.data[..., :middle:-1]]
        self.truth = np.ascontiguousarray(truth[..., :middle])
        self.robot = Robot(self.truth)
        self.files = [folder / "first.nii.gz", folder / "second.nii.gz"]
        for file, half in zip(self.files, halves, strict=True):
            write_volume(file, volume.like(np.ascontiguousarray(half)))
        with layer_source(path=str(self.files[0])):
            self.viewer.add_image(halves[0], name="first", scale=volume.spacing, units=["mm"] * 3)
        self.dock = SegmentWidget(self.viewer)
        self.viewer.window.add_dock_widget(self.dock, name="Segment (Densify)", area="right")
        named = [ClassRow(i, t, default_class(i).colour) for i, t in enumerate(TISSUES, start=2)]
        self.dock.classes.setValue([default_class(1), *named])

    @property
    def case(self) -> CaseView:
        """The running case."""
        assert self.dock.case is not None
        return self.dock.case

    def wait(self, until: Callable[[], object]) -> None:
        """Let the window live until something is the case."""
        end = time.monotonic() + PATIENCE
        while not until():
            if time.monotonic() > end:
                raise TimeoutError(f"{until} did not come")
            QApplication.processEvents()
            time.sleep(0.01)

    def rest(self, seconds: float) -> None:
        """Let the window live for a while: what it draws comes late."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end)

    def picture(self, name: str) -> None:
        """Keep what the window looks like."""
        self.dock.project.log.setText("Log: …/napari-densify.log")  # not whose it is
        self.rest(1)
        IMAGES.mkdir(parents=True, exist_ok=True)
        file = IMAGES / f"{name}.png"
        self.viewer.screenshot(str(file), canvas_only=False, flash=False, size=None)
        print(file)

    def stroke(self, stroke: Stroke) -> None:
        """What a person's stroke comes to, in the layer and so in the project."""
        self.dock.planes.setValue(stroke.plane.orientation)
        self.viewer.dims.set_current_step(stroke.plane.axis, stroke.plane.position)
        voxels = stroke.plane.voxels(stroke.mask, self.truth.shape)
        where = np.unravel_index(voxels, self.truth.shape)
        self.case.annotation.data_setitem(where, stroke.label)

    def correct(self) -> None:
        """Correct the worst slice."""
        prediction = self.case.session.prediction
        for stroke in self.robot.correct(prediction, self.robot.worst(prediction)):
            self.stroke(stroke)

    def learned(self, seconds: float) -> None:
        """Wait for so much learning and a whole prediction after it."""
        end = self.case.session.status.train_seconds + seconds
        self.wait(lambda: self.case.session.status.train_seconds >= end)
        self.wait(lambda: self.case.session.status.complete)


def open_panel(panel: object) -> None:
    panel.expand(animate=False)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        get_settings().appearance.theme = "dark"
        tour = Tour(Path(folder))
        tour.rest(1)
        tour.picture("open")
        tour.dock.choice.annotate.click()
        tour.wait(lambda: tour.dock.case)
        z, y, x = tour.robot.planes(3)
        first, *rest = tour.robot.paint(z)
        tour.stroke(first)
        tour.picture("first-stroke")
        for stroke in rest:
            tour.stroke(stroke)
        for plane in (y, x):
            for stroke in tour.robot.paint(plane):
                tour.stroke(stroke)
        tour.dock.planes.setValue("xy")
        tour.learned(15)
        tour.picture("predicted")
        tour.correct()
        tour.learned(10)
        tour.picture("corrected")
        tour.dock.planes.orthogonal.click()
        tour.rest(2)
        tour.picture("side-by-side")
        tour.dock.planes.orthogonal.click()
        tour.dock.planes.oblique.click()
        tour.case.oblique.controls.setValue(ObliquePlane(tilt=35, turn=20))
        tour.rest(3)
        tour.picture("oblique")
        tour.dock.planes.oblique.click()
        tour.dock.overlays.uncertainty.setChecked(True)
        tour.picture("uncertainty")
        tour.dock.overlays.uncertainty.setChecked(False)
        tour.dock.overlays.provenance.setChecked(True)
        tour.rest(3)
        tour.picture("provenance")
        tour.dock.overlays.provenance.setChecked(False)
        for name, panel in (
            ("next", tour.dock.next),
            ("volumes", tour.dock.volumes),
            ("check", tour.dock.check),
        ):
            open_panel(panel)
            tour.rest(5)
            tour.picture(name)
            panel.collapse(animate=False)
        open_panel(tour.dock.cases)
        before = tour.case
        tour.dock.next_case(tour.files[1])
        tour.wait(lambda: tour.dock.case not in (None, before))
        tour.wait(lambda: tour.case.session.status.complete)
        tour.rest(3)
        tour.picture("next-case")
        get_settings().appearance.theme = "light"
        tour.rest(1)
        tour.picture("light")
        get_settings().appearance.theme = "dark"
        loop = tour.case.loop
        tour.dock.close_case()
        loop.wait(60)
        tour.viewer.close()


if __name__ == "__main__":
    os.environ.setdefault("NAPARI_CONFIG", "")
    main()
