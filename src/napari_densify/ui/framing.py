"""What a canvas shows of the world: one layer, wherever others lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer
    from numpy.typing import NDArray

FILLED = 0.95
"""Share of the canvas that a layer takes; napari's own."""


def frame(model: ViewerModel, layer: Layer) -> None:
    """Show all of a layer in the middle of a canvas, as large as that goes.

    napari's own way to do so takes all layers together, also hidden ones, of which those of another
    image may lie anywhere in the world.
    """
    shown = list(model.dims.displayed)
    camera = model.camera
    if model.dims.ndisplay == 3:
        camera.angles = (0, 0, 0)
    camera.center = tuple(middle_of(model, layer)[shown])
    height_width = _size_of(model, layer)[shown][-2:]
    camera.zoom = FILLED * float(np.min(_canvas_size(model) / height_width))


def middle_of(model: ViewerModel, layer: Layer) -> NDArray[np.float64]:
    """The middle of a layer in the world, 0 along axes that it has not."""
    corners = model.layers.get_extent([layer]).world
    return np.pad(corners.mean(axis=0), (model.dims.ndim - layer.ndim, 0))


def _size_of(model: ViewerModel, layer: Layer) -> NDArray[np.float64]:
    """How large a layer is in the world, 1 along axes that it has not."""
    extent = model.layers.get_extent([layer])
    size = extent.world[1] - extent.world[0] + extent.step  # between the middles of voxels
    return np.pad(size, (model.dims.ndim - layer.ndim, 0), constant_values=1)


def _canvas_size(model: ViewerModel) -> NDArray[np.float64]:
    """Height and width in pixels; of one of its parts, where layers lie in a grid."""
    if hasattr(model, "canvas"):
        return np.array(model.canvas.viewbox_size(model.layers))
    return np.array(model._get_viewbox_size())  # until napari 0.8
