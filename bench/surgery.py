"""How long the window stands still while a class of a large volume is merged and deleted."""

from __future__ import annotations

import napari
import numpy as np
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QInputDialog, QMessageBox

from bench.metronome import Metronome
from bench.report import Figure, report
from bench.smooth import LARGE, balls
from napari_densify.ui.case import CaseView

REST_MS = 500
"""Between steps, for what a step leaves behind."""


class Surgeon(QObject):
    """Paints three slices of three classes, then merges one class and deletes another."""

    def __init__(self, viewer: napari.Viewer, case: CaseView, truth: np.ndarray) -> None:
        super().__init__()
        self.viewer, self.case = viewer, case
        self.metronome = Metronome(self)
        self._truth = truth
        self._steps = iter((self._merge, self._delete))
        self._timer = QTimer(self, interval=REST_MS)
        self._timer.timeout.connect(self._go_on)

    def start(self) -> None:
        """Predict what is true, paint it on three slices, and begin."""
        self.case.train(False)
        self.case.session.prediction[:] = self._truth + 1
        for z in (150, 256, 360):
            rows = np.ogrid[z : z + 1, :LARGE, :LARGE]
            self.case.annotation.data_setitem(
                np.broadcast_arrays(*rows), self._truth[z : z + 1] + 1
            )
        QTimer.singleShot(4 * REST_MS, self._begin)

    def _begin(self) -> None:
        self.metronome.start()
        self._timer.start()

    def _go_on(self) -> None:
        if self._busy:
            return
        step = next(self._steps, None)
        if step is not None:
            step()
            return
        self._timer.stop()
        self.metronome.stop()
        self.viewer.close()

    @property
    def _busy(self) -> bool:
        return not self.case.dock.classes.buttons["delete_class"].isEnabled()

    def _merge(self) -> None:
        self.case.dock.classes.pick(4)
        self.case.dock.classes.buttons["merge_class"].click()

    def _delete(self) -> None:
        self.case.dock.classes.pick(3)
        self.case.dock.classes.buttons["delete_class"].click()


def surgery() -> None:
    """Open a window on a volume of 512³ voxels, merge and delete, and print the longest stall."""
    image, truth = balls(3)
    viewer = napari.Viewer(title="Densify bench")
    viewer.window.resize(1400, 900)
    viewer.add_image(image, name="image")
    _, dock = viewer.window.add_plugin_dock_widget("napari-densify", "Segment")
    dock.opening.place = lambda volume, source, content: None
    surgeons: list[Surgeon] = []

    def begin(case: CaseView) -> None:
        case.dock = dock
        surgeons.append(Surgeon(viewer, case, truth))
        QTimer.singleShot(REST_MS, surgeons[0].start)

    dock.caseOpened.connect(begin)
    answers = QInputDialog.getItem, QMessageBox.question
    QInputDialog.getItem = lambda *about, editable: (about[3][1], True)
    QMessageBox.question = lambda *about: QMessageBox.StandardButton.Yes
    dock.start()
    napari.run()
    QInputDialog.getItem, QMessageBox.question = answers
    left = np.unique(surgeons[0].case.session.prediction[::7])
    assert not {3, 4} & set(left.tolist()), left
    metronome = surgeons[0].metronome
    figures = [
        Figure("merge and delete at 512³: longest stall, s", metronome.stalls[-1], 0.200),
        Figure("longest stall, processor s", metronome.work[-1], 0.200),
    ]
    report("surgery", figures)
