"""What we made over an image stays over it, whatever lies beside and however large that is."""

from __future__ import annotations

import numpy as np
import pytest
from napari import Viewer

from napari_densify.cases.edit import Edit
from napari_densify.cases.plane import Plane
from napari_densify.ui.view import show_plane

from .conftest import LONG, drag

MM = {"scale": (2, 1, 1), "units": ("mm",) * 3}
NEIGHBOURS = {
    "micrometres": {"scale": (2000, 1000, 1000), "units": ("um",) * 3, "translate": (0, 9e3, 9e3)},
    "metres": {"scale": (0.002, 0.001, 0.001), "units": ("m",) * 3},
    "voxels": {},
}


@pytest.mark.parametrize("beside", NEIGHBOURS)
def test_it_is_painted_where_it_is_seen_beside_an_image_in_another_unit(
    viewer: Viewer, open_case, qtbot, beside
):
    case = open_case(**MM)
    case.train(False)
    viewer.add_image(np.eye(30)[None] * np.ones((20, 1, 1)), name="other", **NEIGHBOURS[beside])
    paint_under_the_mouse(viewer, case, qtbot, (0.45, 0.55))
    viewer.layers.remove("other")
    paint_under_the_mouse(viewer, case, qtbot, (0.55, 0.45))


def test_the_transform_tool_does_not_take_the_annotation_off_its_image(viewer, open_case, qtbot):
    case = open_case(**MM)
    case.train(False)
    case.annotation.mode = "transform"
    drag(viewer, qtbot, [(0.5, 0.5), (0.55, 0.6), (0.6, 0.6)])
    np.testing.assert_array_equal(case.annotation.extent.world, case.image.extent.world)


def paint_under_the_mouse(viewer: Viewer, case, qtbot, at: tuple[float, float]) -> None:
    """Go to a slice by key, paint there, and see that it is the voxel that is seen there."""
    show_plane(viewer, case.annotation, Plane(1, 9))
    show_plane(viewer, case.annotation, Plane(0, 9))
    viewer.layers.selection.active = case.annotation
    case.annotation.mode, case.annotation.brush_size = "paint", 1
    edits: list[Edit] = []
    case.session.edited.connect(edits.append)
    drag(viewer, qtbot, [at, at])
    qtbot.waitUntil(lambda: bool(edits), timeout=LONG)
    case.session.edited.disconnect(edits.append)
    (painted,) = np.transpose(np.unravel_index(edits[0].where, case.annotation.data.shape))
    units = viewer.dims.units or case.image.units
    to_mm = [float((1 * unit).to("mm").magnitude) for unit in units]
    under = case.image.world_to_data(np.array(viewer.cursor.position) * to_mm)
    np.testing.assert_array_equal(painted, np.round(under))
    assert painted[0] == 9
