"""The weight w of each voxel's loss, drawn as a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from napari.qt.threading import create_worker
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer

from napari_densify.session.session import Session
from napari_densify.ui.layers import named_like, place_of

if TYPE_CHECKING:
    import napari.viewer

GATHER_MS = 300
"""How long edits are gathered before it is drawn again."""
HEAVIEST = 8.0
"""Upper end of the colours: no weight is higher, see `cases.weight`."""


class WeightsLayer(QObject):
    """Shows w on request, and follows the edits while it is seen.

    Parameters
    ----------
    viewer : napari.Viewer
    image : Image
        The layer that is segmented; the weights lie where it lies.
    session : Session
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        image: Image,
        session: Session,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.viewer, self.image, self.session = viewer, image, session
        self.layer: Image | None = None
        self._timer = QTimer(self, singleShot=True, interval=GATHER_MS)
        self._timer.timeout.connect(self._draw)
        session.edited.connect(self._edited)
        viewer.layers.events.removed.connect(self._removed)

    def close(self) -> None:
        """Let go of the session; the layer stays."""
        self._timer.stop()
        self.session.edited.disconnect(self._edited)
        self.viewer.layers.events.removed.disconnect(self._removed)

    def show(self, on: bool) -> None:
        """Show the weights as they are now, or hide them."""
        if on and self.layer is None:
            self.layer = Image(
                np.zeros(self.session.volume.shape, np.float32),
                colormap="magma",
                blending="additive",
                contrast_limits=(0, HEAVIEST),
                **named_like(self.image, "weights", "weights", self.session.volume.choice),
                **place_of(self.image),
            )
            active = self.viewer.layers.selection.active
            self.viewer.layers.append(self.layer)
            self.viewer.layers.selection.active = active
            self._timer.start()
        elif self.layer is not None:
            self.layer.visible = on
            self._timer.start()

    def _edited(self, edit: Any) -> None:
        if self.layer is not None and self.layer.visible:
            self._timer.start()

    def _draw(self) -> None:
        worker = create_worker(self.session.weights)
        worker.returned.connect(self._drawn)
        worker.start()

    def _drawn(self, values: NDArray[np.float32]) -> None:
        if self.layer is not None:
            self.layer.data = values

    def _removed(self, event: Any) -> None:
        if event.value is self.layer:
            self.layer = None
