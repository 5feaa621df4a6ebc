"""Where layers lie in the world: from a volume's geometry to a layer's, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from napari.layers import Layer
from numpy.typing import NDArray

from napari_densify.cases.volume import Volume

TURNED = "napari-densify turned"
"""Key in a layer's metadata: the (4, 4) map from where it is shown to where it lies."""

STEEPEST = 0.5
"""Cosine of the angle between an axis and the world's up to which napari is given the rotation: it
draws two axes without the third, which at right angles leaves nothing."""


def place_of_volume(volume: Volume) -> dict[str, Any]:
    """Where a volume lies, as a layer's arguments.

    Spacing is the scale. Where the axes are the world's the origin is the translation, else
    rotation or flips and origin are the affine; and where napari could not show that, as of
    sagittal slices, it is shown along its own slices, see `straighten`.
    """
    # Channels come before the axes in space.
    lead = volume.data.ndim - 3
    place: dict[str, Any] = {"scale": (*[1.0] * lead, *volume.spacing)}
    if volume.unit:
        place["units"] = (*["pixel"] * lead, *[volume.unit] * 3)
    # napari takes axes that are a millionth off for oblique.
    direction = np.round(volume.direction) if volume.upright else volume.direction
    affine = _affine(direction, np.array(volume.origin))
    if np.array_equal(direction, np.eye(3)):
        place["translate"] = (*[0.0] * lead, *volume.origin)
    elif np.abs(np.diag(direction)).min() > STEEPEST:
        place["affine"] = np.eye(4 + lead)
        place["affine"][lead:, lead:] = affine
    else:
        place["metadata"] = {TURNED: affine.tolist()}
    return place


def place_volume(volume: Volume, layer: Layer) -> Volume:
    """The voxels of a layer as a volume that lies where the layer does.

    Of a layer with more than three axes the last three lie in space.
    """
    ndim = layer.ndim
    corner = np.array(layer.data_to_world(np.zeros(ndim)))
    ends = np.array([layer.data_to_world(step) for step in np.eye(ndim)[-3:]])
    shown = _affine((ends - corner)[:, -3:].T, corner[-3:])
    unit = str(layer.units[-1])
    turned = np.array(layer.metadata.get(TURNED, np.eye(4)))
    return replace(volume.placed(turned @ shown), unit="" if unit == "pixel" else unit)


def straighten(layer: Layer, volume: Volume) -> bool:
    """Show a layer along its own slices, if it is shown at an angle; say whether it was.

    napari shows and paints slices only along a layer's own axes: on one at an angle, strokes would
    land on other slices than those that are seen. Where it lies in truth is kept in its metadata,
    so that `place_volume` finds it.

    Parameters
    ----------
    layer : Layer
    volume : Volume
        Its own, see `place_volume`.
    """
    if volume.upright or TURNED in layer.metadata:
        return False
    layer.affine = np.eye(layer.ndim + 1)
    layer.rotate = np.eye(layer.ndim)
    layer.shear = np.zeros(layer.ndim * (layer.ndim - 1) // 2)
    layer.scale = (*layer.scale[:-3], *volume.spacing)
    layer.translate = np.zeros(layer.ndim)
    layer.metadata[TURNED] = _affine(volume.direction, np.array(volume.origin)).tolist()
    return True


def _affine(linear: NDArray[np.float64], shift: NDArray[np.float64]) -> NDArray[np.float64]:
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = linear, shift
    return affine
