"""What we made over an image stays where that is, in the unit that the canvas measures in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pint
from napari.layers import Image, Layer
from qtpy.QtCore import QObject

from napari_densify.ui.geometry import measured, shown_at

if TYPE_CHECKING:
    import napari


def place_of(image: Image, units: Sequence[pint.Unit] | None = None) -> dict[str, Any]:
    """Where an image's last three dimensions lie in the world, as a layer's arguments.

    Parameters
    ----------
    image : Image
    units : sequence of pint.Unit, optional
        Of the layer's axes; by default the image's.
    """
    last = slice(image.ndim - 3, None)
    shear = np.asarray(image.shear)
    if shear.ndim == 1:  # what lies above the diagonal, row by row
        above, shear = shear, np.eye(image.ndim)
        shear[np.triu_indices(image.ndim, 1)] = above
    own = image.units[last]
    affine = image.affine.set_slice(range(image.ndim)[last])
    return {
        "scale": image.scale[last],
        "translate": image.translate[last],
        "rotate": image.rotate[last, last],
        "shear": shear[last, last],
        "affine": measured(affine.affine_matrix, own, units) if units else affine,
        "units": units or own,
    }


class Placement(QObject):
    """Keeps layers over their image, whatever the canvas measures in.

    If layers have units that can be compared, the canvas measures in the smallest one. napari draws
    each layer where it lies then, but paints as if the canvas measured in the layer's own: on other
    slices than those that are seen, or on none. So layers that are painted on get the canvas's.

    Parameters
    ----------
    viewer : napari.Viewer
    image : Image
    layers : sequence of Layer
        With three dimensions.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        image: Image,
        layers: Sequence[Layer],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.viewer, self.image, self.layers = viewer, image, layers
        self._placing = False
        for signal in self._signals():
            signal.connect(self.renew)
        self.renew()

    def close(self) -> None:
        """Let go of the layers; they stay where they are."""
        for signal in self._signals():
            signal.disconnect(self.renew)

    def renew(self, event: Any = None) -> None:
        """Put the layers where the image is."""
        if self._placing:
            return
        self._placing = True
        own = self.image.units[-3:]
        units = self._units or own
        at = measured(shown_at(self.image), own, units)
        for layer in self.layers:
            if layer.units != units or not np.allclose(shown_at(layer), at):
                for name, value in place_of(self.image, units).items():
                    setattr(layer, name, value)
        self._placing = False

    @property
    def _units(self) -> tuple[pint.Unit, ...] | None:
        """What the canvas measures the last three axes in; None if in each layer's own."""
        units = getattr(self.viewer.layers.extent, "units", None)  # since napari 0.7
        return tuple(units[-3:]) if units else None

    def _signals(self) -> Iterator[Any]:
        yield from (self.viewer.layers.events.inserted, self.viewer.layers.events.removed)
        for layer in self.layers:
            events = layer.events
            yield from (events.scale, events.translate, events.rotate, events.shear)
            yield from (events.affine, events.units)
