"""Where a plane lies, shown in the main canvas: by three clicks, or by the way it is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer, Points
from qtpy.QtCore import QObject, QTimer, Signal

if TYPE_CHECKING:
    import napari
    from numpy.typing import NDArray


class ThreePoints(QObject):
    """A points layer that goes again with the third click, or when it is given up.

    Parameters
    ----------
    viewer : napari.Viewer
    like : Layer
        The 3-D layer whose voxels the points are told in.
    """

    picked = Signal(object)
    ended = Signal()

    def __init__(self, viewer: napari.Viewer, like: Layer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self._active = viewer.layers.selection.active
        # Not while napari is still at work on the click.
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._hand_over)
        self.layer = Points(
            np.empty((0, 3)),
            name="three points of a plane",
            scale=like.scale,
            translate=like.translate,
            rotate=like.rotate,
            shear=like.shear,
            affine=like.affine,
            units=like.units,
            size=max(3, sorted(like.data.shape)[1] / 20),
            face_color="#E69F00",
            out_of_slice_display=True,
        )
        viewer.layers.append(self.layer)
        viewer.layers.selection.active = self.layer
        self.layer.mode = "add"
        self.layer.events.data.connect(self._clicked)
        viewer.layers.events.removed.connect(self._removed)

    def stop(self) -> None:
        """Take the layer away again and paint on."""
        if self.layer in self.viewer.layers:
            self.viewer.layers.remove(self.layer)

    def _clicked(self, event: Any = None) -> None:
        if len(self.layer.data) >= 3:
            self._soon.start()

    def _hand_over(self) -> None:
        points = np.array(self.layer.data[:3])
        self.stop()
        self.picked.emit(points)

    def _removed(self, event: Any) -> None:
        if event.value is self.layer:
            self._soon.stop()
            self.layer.events.data.disconnect(self._clicked)
            self.viewer.layers.events.removed.disconnect(self._removed)
            if self._active in self.viewer.layers:
                self.viewer.layers.selection.active = self._active
            self.ended.emit()


def facing(viewer: napari.Viewer, layer: Layer) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the 3-D view's camera looks at, and in which direction, in a 3-D layer's voxels."""
    shown = list(viewer.dims.displayed)
    centre, towards = np.zeros(viewer.dims.ndim), np.zeros(viewer.dims.ndim)
    centre[shown] = viewer.camera.center
    towards[shown] = viewer.camera.view_direction
    here, there = (np.array(layer.world_to_data(w[-3:])) for w in (centre, centre + towards))
    return here, there - here
