"""An image that is moved, measured anew or given other voxels while it is annotated."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_densify.ui.geometry import lies_at

MOVED = "“{}” lies elsewhere now, or its voxels have another size; press Annotate to go on there."
REPLACED = "“{}” has other voxels now; press Annotate to work on those."


class ImageWatch(QObject):
    """Says so when the image is not any more what its case was opened with.

    What is painted would land on other voxels than those that are seen, and the worker would learn
    from voxels, and of a size, that are shown no more.

    Parameters
    ----------
    image : Image
    """

    changed = Signal(str)

    def __init__(self, image: Image, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.image = image
        self._data, self._place, self._units = image.data, lies_at(image), image.units
        events = image.events
        self._moves = (events.scale, events.translate, events.rotate, events.shear, events.affine)
        for signal in (*self._moves, events.units):
            signal.connect(self._look_where)
        events.data.connect(self._look_what)

    def close(self) -> None:
        """Let go of the image."""
        for signal in (*self._moves, self.image.events.units):
            signal.disconnect(self._look_where)
        self.image.events.data.disconnect(self._look_what)

    def _look_where(self, event: Any = None) -> None:
        # Canvases side by side set what is set already.
        same = np.array_equal(lies_at(self.image), self._place)
        if not same or self.image.units != self._units:
            self.changed.emit(MOVED.format(self.image.name))

    def _look_what(self, event: Any = None) -> None:
        if self.image.data is not self._data:
            self.changed.emit(REPLACED.format(self.image.name))
