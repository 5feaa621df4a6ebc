"""The first slices of a case in a window, painted as by its user."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject

from napari_densify.cases.plane import Plane
from napari_densify.session.news import Status
from napari_densify.session.robot import Robot
from napari_densify.ui.case import CaseView

LEARNED = 3
"""Steps after which the slices have arrived, all of them."""


class FirstSlices(QObject):
    """Paints three slices into a case and waits until they are learned from.

    Parameters
    ----------
    case : CaseView
    truth : (z, y, x) uint8
    then : callable
        Called once they are.
    """

    def __init__(self, case: CaseView, truth: NDArray[np.uint8], then: Callable[[], None]) -> None:
        super().__init__()
        self.case, self.robot, self.then = case, Robot(truth), then

    def start(self) -> None:
        """Paint them."""
        for plane in self.robot.planes(3):
            for stroke in self.robot.paint(plane):
                put(self.case, plane, stroke.mask, stroke.label)
        self.case.session.status_changed.connect(self._begin)

    def _begin(self, status: Status) -> None:
        if status.steps > LEARNED:
            self.case.session.status_changed.disconnect(self._begin)
            self.then()


def put(case: CaseView, plane: Plane, mask: NDArray[np.bool_], label: int) -> None:
    """Write a stroke into the annotation layer."""
    shape = case.session.volume.shape
    case.annotation.data_setitem(np.unravel_index(plane.voxels(mask, shape), shape), label)
