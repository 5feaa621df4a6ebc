"""The viewer's state as a project keeps it, both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_densify.cases.view import View

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Layer


def view_of(viewer: napari.viewer.Viewer, label: int, training: bool) -> View:
    """How the last three dimensions are looked at now."""
    dims, camera = viewer.dims, viewer.camera
    lead = dims.ndim - 3
    z, y, x = (a - lead for a in dims.order if a >= lead)
    return View(
        order=(z, y, x),
        point=tuple(float(p) for p in dims.point[-3:]),
        ndisplay=dims.ndisplay,
        centre=tuple(float(c) for c in camera.center),
        angles=tuple(float(a) for a in camera.angles),
        zoom=float(camera.zoom),
        label=max(label, 1),
        training=training,
    )


def show_view(viewer: napari.viewer.Viewer, view: View) -> None:
    """Look at the last three dimensions as it was then."""
    dims, camera = viewer.dims, viewer.camera
    lead = dims.ndim - 3
    dims.order = (*range(lead), *(lead + a for a in view.order))
    dims.ndisplay = view.ndisplay
    dims.set_point(range(lead, dims.ndim), view.point)
    camera.center, camera.angles, camera.zoom = view.centre, view.angles, view.zoom


def go_to(viewer: napari.viewer.Viewer, layer: Layer, voxel: tuple[int, int, int]) -> None:
    """Show a voxel (zyx) of a layer in the middle of the canvas, at the present zoom."""
    world = layer.data_to_world(voxel)
    viewer.dims.set_point(range(viewer.dims.ndim - 3, viewer.dims.ndim), world)
    shown = [a - (viewer.dims.ndim - 3) for a in viewer.dims.displayed]
    viewer.camera.center = tuple(world[a] for a in shown)
