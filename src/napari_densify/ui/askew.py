"""Slices of rotated images that napari cannot show: nothing is painted there by mistake.

napari puts the slice of a rotated layer into the canvas without its rotation, and not even the
slice that lies there, while a stroke goes to the voxels under the mouse.
"""

from __future__ import annotations

from weakref import WeakSet

from napari.layers import Image, Labels
from napari.utils.notifications import show_warning
from qtpy.QtCore import QObject

from napari_densify.ui.layers import Copies


class Askew(QObject):
    """Takes the brush away where what a canvas shows are not the voxels at that place.

    Parameters
    ----------
    image : Image
        The layer that is segmented, for its name.
    copies : sequence of Copies
        Of the annotation and the prediction.
    """

    def __init__(self, image: Image, *copies: Copies, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._image, self._copies = image, copies
        self._locked: WeakSet[Labels] = WeakSet()
        self._said = False

    def follow(self) -> None:
        """Look at the slices that are shown now."""
        for layer in (layer for copies in self._copies for layer in copies):
            askew = is_askew(layer)
            if askew and layer.editable:
                self._locked.add(layer)
                layer.editable = False
                self._say()
            elif not askew and layer in self._locked:
                self._locked.discard(layer)
                layer.editable = True
                layer.mode = "paint"

    def _say(self) -> None:
        if not self._said:
            self._said = True
            show_warning(
                f"“{self._image.name}” is rotated: napari cannot show its slices in this "
                "orientation, so painting is off here. Press “oblique” to paint on any plane of it."
            )


def is_askew(layer: Labels) -> bool:
    """Whether a layer's canvas shows its slice without the layer's rotation or shear."""
    shown = layer._slice_input
    return shown.ndisplay == 2 and not shown.is_orthogonal(layer._data_to_world.inverse)
