"""Where layers lie in the world: from a volume's geometry to a layer's, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pint
from napari.layers import Image, Layer
from napari.layers._source import layer_source
from numpy.typing import NDArray

from napari_densify.cases.volume import Volume

TURNED = "napari-densify turned"
"""Key in a layer's metadata: the (4, 4) map from where it is shown to where it lies."""

STEEPEST = 0.5
"""Cosine of the angle between an axis and the world's up to which napari is given the rotation: it
draws two axes without the third, which at right angles leaves nothing."""


def place_of_volume(volume: Volume, ndim: int = 3) -> dict[str, Any]:
    """Where a volume lies, as a layer's arguments.

    Spacing is the scale. Where the axes are the world's the origin is the translation, else
    rotation or flips and origin are the affine; and where napari could not show that, as of
    sagittal slices, it is shown along its own slices, see `straight`.

    Parameters
    ----------
    volume : Volume
    ndim : int
        Of the layer; axes before the last three are counted in ones.
    """
    lead = ndim - 3
    place: dict[str, Any] = {"scale": (1.0,) * lead + volume.spacing}
    if volume.unit:
        place["units"] = ("pixel",) * lead + (volume.unit,) * 3
    # napari takes axes that are a millionth off for oblique.
    direction = np.round(volume.direction) if volume.upright else volume.direction
    affine = _affine(direction, np.array(volume.origin))
    if np.array_equal(direction, np.eye(3)):
        place["translate"] = (0.0,) * lead + volume.origin
    elif np.abs(np.diag(direction)).min() > STEEPEST:
        whole = np.eye(ndim + 1)
        whole[lead:, lead:] = affine
        place["affine"] = whole
    else:
        place["metadata"] = {TURNED: affine.tolist()}
    return place


def place_volume(volume: Volume, layer: Layer) -> Volume:
    """The voxels of a layer as a volume that lies where the layer does.

    Of a layer with more than three axes the last three lie in space. Where their units differ, all
    are measured in the last one's.
    """
    unit = str(layer.units[-1])
    return replace(volume.placed(lies_at(layer)), unit="" if unit == "pixel" else unit)


def lies_at(layer: Layer) -> NDArray[np.float64]:
    """Where a layer's last three axes lie in truth: (4, 4), in the last one's unit."""
    shown = measured(shown_at(layer), layer.units[-3:], layer.units[-1:] * 3)
    at: NDArray[np.float64] = np.array(layer.metadata.get(TURNED, np.eye(4))) @ shown
    return at


def shown_at(layer: Layer) -> NDArray[np.float64]:
    """Where a layer's last three axes are shown: (4, 4), in the layer's own units."""
    ndim = layer.ndim
    corner = np.array(layer.data_to_world(np.zeros(ndim)))
    ends = np.array([layer.data_to_world(step) for step in np.eye(ndim)[-3:]])
    return _affine((ends - corner)[:, -3:].T, corner[-3:])


def measured(
    affine: NDArray[np.float64], units: Sequence[pint.Unit], others: Sequence[pint.Unit]
) -> NDArray[np.float64]:
    """The (4, 4) map to positions in some units as one to positions in others."""
    factors = [_ratio(each, other) for each, other in zip(units, others, strict=True)]
    other: NDArray[np.float64] = np.diag([*factors, 1.0]) @ affine
    return other


def is_straight(layer: Layer) -> bool:
    """Whether napari shows a layer's own slices: its last three axes are the world's, or flipped.

    On one at an angle, strokes would land on other slices than those that are seen.
    """
    corner = np.array(layer.data_to_world(np.zeros(layer.ndim)))
    ends = [layer.data_to_world(step) for step in np.eye(layer.ndim)[-3:]]
    steps = np.abs((np.array(ends) - corner)[:, -3:])
    return bool((steps - np.diag(np.diag(steps)) <= 1e-6 * steps.max()).all())


def straight(layer: Image, volume: Volume) -> Image:
    """Another layer of the same voxels, that is shown along its own slices, with the same middle.

    Where it lies in truth is kept in its metadata, so that `place_volume` finds it.

    Parameters
    ----------
    layer : Image
        Stays as it is.
    volume : Volume
        Its own, see `place_volume`.
    """
    lead = layer.ndim - 3
    middle = (np.array(volume.shape) - 1) / 2
    corner = (volume.affine @ (*middle, 1))[:3] - middle * volume.spacing
    turned = volume.affine @ np.linalg.inv(_affine(np.diag(volume.spacing), corner))
    with layer_source(path=layer.source.path, reader_plugin=layer.source.reader_plugin):
        return Image(
            layer.data,
            name=f"{layer.name} straight",
            multiscale=layer.multiscale,
            rgb=layer.rgb,
            colormap=None if layer.rgb else layer.colormap,
            contrast_limits=None if layer.rgb else layer.contrast_limits,
            scale=(*layer.scale[:lead], *volume.spacing),
            translate=(*layer.translate[:lead], *corner),
            units=layer.units,
            axis_labels=layer.axis_labels,
            metadata={TURNED: turned.tolist()},
        )


def _ratio(unit: pint.Unit, other: pint.Unit) -> float:
    """How many of another unit one of a unit is; 1 where they cannot be compared."""
    alike = unit.dimensionality == other.dimensionality
    return float((1 * unit).to(other).magnitude) if alike and unit != other else 1.0


def _affine(linear: NDArray[np.float64], shift: NDArray[np.float64]) -> NDArray[np.float64]:
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = linear, shift
    return affine
