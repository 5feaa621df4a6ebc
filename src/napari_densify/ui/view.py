"""The viewer's state as a project keeps it, both ways."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from napari_densify.cases.labels import LAST_LABEL
from napari_densify.cases.oblique import ObliquePlane
from napari_densify.cases.plane import Plane
from napari_densify.cases.view import Pose, View
from napari_densify.ui.framing import frame
from napari_densify.ui.planes import orientation_of, set_orientation
from napari_densify.ui.side_by_side import canvases_beside

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Layer


def view_of(viewer: napari.viewer.Viewer, label: int, training: bool, oblique: Pose | None) -> View:
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
        label=min(max(label, 1), LAST_LABEL),
        training=training,
        oblique=oblique,
    )


def pose_of(plane: ObliquePlane, shown: bool) -> Pose:
    """How an oblique plane is kept."""
    return Pose(tilt=plane.tilt, turn=plane.turn, offset=plane.offset, shown=shown)


def plane_of(pose: Pose) -> ObliquePlane:
    """The plane that was kept."""
    return ObliquePlane(pose.tilt, pose.turn, pose.offset)


def show_view(viewer: napari.viewer.Viewer, view: View) -> None:
    """Look at the last three dimensions as it was then."""
    dims, camera = viewer.dims, viewer.camera
    lead = dims.ndim - 3
    dims.order = (*range(lead), *(lead + a for a in view.order))
    dims.ndisplay = view.ndisplay
    dims.set_point(range(lead, dims.ndim), view.point)
    camera.center, camera.angles, camera.zoom = view.centre, view.angles, view.zoom


def turn(viewer: napari.viewer.Viewer, orientation: str, layer: Layer | None) -> None:
    """Show slices of another orientation, and all of a layer in them."""
    turned = viewer.dims.ndisplay != 2 or orientation_of(viewer) != orientation
    set_orientation(viewer, orientation)
    if turned and layer is not None:
        _frame(viewer, layer)


def show_plane(viewer: napari.viewer.Viewer, layer: Layer, plane: Plane) -> None:
    """Show a slice of a 3-D layer; the camera moves only if the orientation changes."""
    turned = viewer.dims.ndisplay != 2 or orientation_of(viewer) != plane.orientation
    if turned:
        set_orientation(viewer, plane.orientation)
    voxel = [n // 2 for n in layer.data.shape] if turned else list(_voxel(viewer, layer))
    voxel[plane.axis] = plane.position
    lead = viewer.dims.ndim - 3
    viewer.dims.set_point(range(lead, viewer.dims.ndim), layer.data_to_world(voxel))
    if turned:
        _frame(viewer, layer)


def show_middle(viewer: napari.viewer.Viewer, layer: Layer) -> None:
    """Show the middle slices of a layer, all of them on the canvas, and on those beside it."""
    voxel = [(n - 1) / 2 for n in layer.extent.data[1] + 1]
    world = layer.data_to_world(voxel)[-3:]
    viewer.dims.set_point(range(viewer.dims.ndim - 3, viewer.dims.ndim), world)
    _frame(viewer, layer)


def _frame(viewer: napari.viewer.Viewer, layer: Layer) -> None:
    # The main one last: those beside it follow its zoom, unless the user wants otherwise.
    for canvas in (*canvases_beside(viewer), viewer):
        frame(canvas, layer)


def _voxel(viewer: napari.viewer.Viewer, layer: Layer) -> Iterable[float]:
    """Where the slices are, in voxels of a layer."""
    return layer.world_to_data(viewer.dims.point[-3:])


def go_to(viewer: napari.viewer.Viewer, layer: Layer, voxel: tuple[int, int, int]) -> None:
    """Show a voxel (zyx) of a layer in the middle of the canvas, at the present zoom."""
    world = layer.data_to_world(voxel)
    viewer.dims.set_point(range(viewer.dims.ndim - 3, viewer.dims.ndim), world)
    shown = [a - (viewer.dims.ndim - 3) for a in viewer.dims.displayed]
    viewer.camera.center = tuple(world[a] for a in shown)
