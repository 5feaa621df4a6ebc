"""The weight w of each voxel's loss, drawn as a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from napari.qt.threading import create_worker
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_densify.ui.layers import layer_like
from napari_densify.ui.overlays import Overlay

if TYPE_CHECKING:
    from napari_densify.ui.case import CaseView

GATHER_MS = 300
"""How long edits are gathered before it is drawn again."""
HEAVIEST = 8.0
"""Upper end of the colours: no weight is higher, see `cases.weight`."""


class WeightsLayer(Overlay):
    """Shows w on request, and follows the edits while it is seen.

    Parameters
    ----------
    case : CaseView
    """

    def __init__(self, case: CaseView) -> None:
        layer = Image(
            np.zeros(case.session.volume.shape, np.float32),
            colormap="magma",
            blending="additive",
            contrast_limits=(0, HEAVIEST),
            **layer_like(case.image, case.session.volume.choice, "weights"),
        )
        super().__init__(case, layer)
        self._timer = QTimer(self, singleShot=True, interval=GATHER_MS)
        self._timer.timeout.connect(self._draw)
        self.session.edited.connect(self.renew)

    def close(self) -> None:
        """Let go of session and viewer; the layer stays."""
        super().close()
        self._timer.stop()
        self.session.edited.disconnect(self.renew)

    def show(self, on: bool) -> None:
        """Show the weights as they are now, or hide them."""
        super().show(on)
        self.renew()

    def renew(self, edit: Any = None) -> None:
        """Show them as they are now, if they are shown."""
        if self.shown:
            self._timer.start()

    def _draw(self) -> None:
        worker = create_worker(self.session.weights)
        worker.returned.connect(self._drawn)
        worker.start()

    def _drawn(self, values: NDArray[np.float32]) -> None:
        self.layer.data = values
