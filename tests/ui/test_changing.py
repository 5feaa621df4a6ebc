"""An image that is moved, measured anew or given other voxels while it is annotated."""

from __future__ import annotations

import numpy as np
import pytest
from napari import Viewer

from .conftest import LONG, paint_under_the_mouse, phantom
from .test_inputs import annotate
from .test_painting import agrees

MOVES = {
    "scale": (2, 0.5, 0.5),
    "translate": (0, 3, 4),
    "units": ("mm", "mm", "mm"),
    "affine": np.diag([1, -1, 1, 1]),
}


@pytest.fixture
def case(open_case, qtbot):
    """A case in which one voxel is painted."""
    case = open_case(phantom()[0].copy())
    case.train(False)
    case.annotation.data_setitem(tuple(np.array([[3], [4], [5]])), 2)
    qtbot.waitUntil(agrees(case), timeout=LONG)
    return case


@pytest.mark.parametrize("move", MOVES)
def test_a_moved_image_is_gone_on_with_where_it_lies(viewer: Viewer, case, qtbot, move):
    dock, image, before = case.dock, case.image, case.annotation
    setattr(image, move, getattr(image, move))
    assert dock.case is case, "nothing was moved"
    with qtbot.waitSignal(dock.caseClosed, timeout=LONG) as closed:
        setattr(image, move, MOVES[move])
    assert "press Annotate" in closed.args[0]
    annotate(dock, qtbot)
    again = dock.case
    again.train(False)
    assert again.annotation is before
    assert again.session.annotation.labels[3, 4, 5] == 2
    assert again.session.volume.spacing == tuple(np.abs(image.scale))
    for layer in (again.annotation, again.prediction):
        np.testing.assert_array_equal(layer.extent.world, image.extent.world)
        assert layer.units == image.units
    viewer.reset_view()
    viewer.dims.set_point(0, image.data_to_world((7, 0, 0))[0])
    paint_under_the_mouse(viewer, again, qtbot)


def test_other_voxels_are_another_case(viewer: Viewer, case, qtbot):
    dock, image, before = case.dock, case.image, case.annotation
    image.data[0, 0, 0] = 9
    image.data = image.data
    assert dock.case is case
    with qtbot.waitSignal(dock.caseClosed, timeout=LONG) as closed:
        image.data = 2 * image.data
    assert "press Annotate" in closed.args[0]
    annotate(dock, qtbot)
    dock.case.train(False)
    np.testing.assert_array_equal(dock.case.session.volume.data, image.data)
    assert dock.case.session.annotation.annotated == 0
    assert before in viewer.layers, "what was painted on the others"
    assert before.data[3, 4, 5] == 2
