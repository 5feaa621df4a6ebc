"""The canvas of the oblique plane: it shows all of it, and the wheel moves it."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.qt import QtViewer
from qtpy.QtCore import Signal

ZOOM = 1.15
"""By how much a notch of the wheel zooms, with Control."""


class PlaneCanvas(QtViewer):
    """A canvas that fits what it shows, until the user zooms or moves it.

    Parameters
    ----------
    model : ViewerModel
        With the plane's pictures.
    """

    scrolled = Signal(int)
    """By so many notches of the wheel, as napari counts those that move its sliders."""

    def __init__(self, model: ViewerModel) -> None:
        super().__init__(model)
        self.setAcceptDrops(False)
        self._model, self._turned = model, 0.0
        model.mouse_wheel_callbacks.append(self._wheel)
        self._fit()
        # Only then it knows its size: in a dock, not when it is made.
        self.canvas._scene_canvas.events.resize.connect(self.refit, position="last")

    def refit(self, event: Any = None) -> None:
        """Fit it again, for one of both has another size, unless the user chose what to see."""
        if self._view() == self._fitted:
            self._fit()

    def _fit(self) -> None:
        self._model.reset_view()
        self._fitted = self._view()

    def _view(self) -> tuple[float, ...]:
        camera = self._model.camera
        return (camera.zoom, *camera.center)

    def _wheel(self, model: ViewerModel, event: Any) -> None:
        notches = float(np.clip(event.delta[1], -1, 1))
        if "Control" in event.modifiers:
            here = np.array(event.position)
            factor = ZOOM**notches
            centre = np.array(model.camera.center[-2:])
            model.camera.center = tuple(here + (centre - here) / factor)
            model.camera.zoom *= factor
        elif not event.modifiers:
            event.handled = True  # or the canvas zooms as well
            # A touch pad sends parts of notches.
            self._turned += notches if event.native.inverted() else -notches
            steps = int(self._turned)
            if steps:
                self._turned -= steps
                self.scrolled.emit(steps)
