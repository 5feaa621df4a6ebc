"""2-D pictures of 3-D layers: they look the same, and are painted on with the same tool."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from napari.components import Camera
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray
from scipy import ndimage

from napari_densify.cases.digital_plane import DigitalPlane
from napari_densify.ui.geometry import shown_at
from napari_densify.ui.strokes import paint

LOOKS = {
    Image: ("contrast_limits", "gamma", "colormap", "visible", "opacity"),
    Labels: ("colormap", "contour", "visible", "opacity"),
}
"""What a picture takes over from its layer."""
TOOL = ("mode", "brush_size", "selected_label", "contiguous", "preserve_labels")
"""What is the same for painting on both, whichever it was chosen for."""
OPPOSITE = {"down": "up", "up": "down", "right": "left", "left": "right"}
"""Where a canvas has the end of an axis that runs the other way."""
GAP = 3
"""Pixels between parts of a stroke that had the stroke's label before, at most."""


def picture_of(layer: Layer, digital: DigitalPlane, data: NDArray[Any]) -> Any:
    """A 2-D layer of a plane's pixels, in physical units, of the 3-D layer's kind and name."""
    make = Image if isinstance(layer, Image) else Labels
    return make(
        data,
        name=layer.name,
        scale=(digital.pixel, digital.pixel),
        translate=digital.corner,
        blending=layer.blending,
    )


def turn_like(camera: Camera, main: Camera, layer: Layer) -> None:
    """Let a picture's canvas show the sides of an untilted plane where the main canvas has them.

    A plane's rows and columns run along the voxels, and those may run against the world's axes, as
    in most NIfTI files: left would be right, beside a slice of the same volume in which it is not.

    Parameters
    ----------
    camera : Camera
        The picture's.
    main : Camera
    layer : Layer
        The 3-D layer that the picture is of.
    """
    along = np.diag(shown_at(layer))[1:3]
    sides = [str(side) for side in main.orientation2d]
    vertical, horizontal = (
        OPPOSITE[side] if step < 0 else side for side, step in zip(sides, along, strict=True)
    )
    camera.orientation2d = vertical, horizontal


def mirror(source: Layer, target: Layer, names: Iterable[str]) -> list[tuple[Any, Any]]:
    """Give the target what the source has, now and whenever it changes.

    Returns
    -------
    list of (signal, slot)
        What has to be disconnected in the end.
    """
    connected = []
    for name in names:

        def follow(event: Any = None, name: str = name) -> None:
            value = getattr(source, name)
            if not np.array_equal(getattr(target, name), value):
                setattr(target, name, value)

        follow()
        signal = getattr(source.events, name)
        signal.connect(follow)
        connected.append((signal, follow))
    return connected


def whole_stroke(changed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The (rows, columns) pixels that a stroke changed, and those between them.

    napari tells only what changed. Pixels under the brush that had its label already belong to the
    stroke as well: other voxels may go with them that had not.
    """
    rows, columns = ndimage.find_objects(changed.astype(np.uint8))[0]
    part = np.pad(changed[rows, columns], GAP)
    whole = changed.copy()
    whole[rows, columns] |= ndimage.binary_closing(part, iterations=GAP)[GAP:-GAP, GAP:-GAP]
    return whole


def write(layer: Labels, voxels: NDArray[np.int64], label: int) -> None:
    """Give voxels of a 3-D layer a label, but for those whose labels the user wants preserved.

    Parameters
    ----------
    voxels : (n,) int64
        Flat indices (C order); not all of them have a pixel that shows them.
    """
    if layer.preserve_labels:
        free = layer.selected_label if label == 0 else 0
        voxels = voxels[layer.data.reshape(-1)[voxels] == free]
    paint(layer, voxels, label)
