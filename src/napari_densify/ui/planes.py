"""Which planes the canvases show: their orientation, and where in a layer they lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_densify.cases.plane import ORIENTATIONS, Plane

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer


def orientation_of(viewer: napari.Viewer) -> str:
    """The orientation of the slices that the main canvas shows, or would show."""
    lead = viewer.dims.ndim - 3
    axis = next(a for a in viewer.dims.order if a >= lead) - lead
    return next(name for name, normal in ORIENTATIONS.items() if normal == axis)


def set_orientation(viewer: napari.Viewer, orientation: str) -> None:
    """Show slices of that orientation of the last three dimensions."""
    axis = ORIENTATIONS[orientation]
    lead = viewer.dims.ndim - 3
    rest = [a for a in range(3) if a != axis]
    viewer.dims.ndisplay = 2
    viewer.dims.order = (*range(lead), lead + axis, *(lead + a for a in rest))


def viewed_plane(viewer: napari.Viewer, layer: Layer) -> Plane | None:
    """The plane of a 3-D layer that the main canvas shows; None in the 3-D view."""
    if viewer.dims.ndisplay != 2:
        return None
    lead = viewer.dims.ndim - layer.ndim
    hidden = [axis - lead for axis in viewer.dims.not_displayed if axis >= lead]
    if len(hidden) != 1:  # the axes are rolled, and one of time or of channels is displayed
        return None
    return _plane_at(layer, hidden[0], viewer.dims.point[-layer.ndim :])


def shown_plane(layer: Layer) -> Plane | None:
    """The plane of a 3-D layer that its own canvas shows; None in a 3-D view.

    Side by side each canvas has a copy of the layer.
    """
    hidden = layer._slice_input.not_displayed
    if len(hidden) != 1:
        return None
    return _plane_at(layer, hidden[0], layer._slice_input.world_slice.point)


def _plane_at(layer: Layer, axis: int, world: Sequence[float]) -> Plane:
    position = round(float(layer.world_to_data(world)[axis]))
    return Plane(axis, min(max(position, 0), layer.data.shape[axis] - 1))
