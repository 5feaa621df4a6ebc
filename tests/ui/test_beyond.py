"""Sliders go as far as any layer does: where there is no slice of the volume none is changed."""

from __future__ import annotations

import numpy as np
import pytest
from napari import Viewer
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QPoint, Qt

from napari_densify.cases.plane import Plane
from napari_densify.ui.planes import shown_plane, viewed_plane
from napari_densify.ui.strokes import BEYOND

from .conftest import LONG, drag, phantom
from .test_painting import agrees


@pytest.fixture
def case(viewer: Viewer, open_case, qtbot):
    """A case beside a longer image, its sliders before the first slice."""
    case = open_case()
    case.train(False)
    viewer.add_image(np.zeros((60, 28, 32)), name="longer", translate=(-20, 0, 0))
    viewer.layers.selection.active = case.annotation
    viewer.dims.set_point(0, -5)
    return case


@pytest.mark.parametrize("position", [-5, 30])
@pytest.mark.parametrize(
    ("layer", "mode"), [("annotation", "paint"), ("annotation", "fill"), ("prediction", "paint")]
)
def test_a_stroke_that_begins_beyond_the_slices_paints_nothing(
    viewer, case, qtbot, layer, mode, position
):
    viewer.dims.set_point(0, position)
    case.session.prediction[:] = 2
    painted_on = getattr(case, layer)
    viewer.layers.selection.active = painted_on
    painted_on.mode, painted_on.selected_label = mode, 1
    notification_manager.records.clear()
    drag(viewer, qtbot, [(0.45, 0.5), (0.55, 0.5)])
    assert painted_on.mode == mode
    qtbot.waitUntil(lambda: _said() == BEYOND, timeout=LONG)
    assert not case.annotation.data.any(), "napari counts slices from the end"
    assert (case.session.prediction == 2).all()
    assert case.session.annotation.annotated == 0
    assert not case.annotation._undo_history
    assert len(notification_manager.records) == 1
    viewer.dims.set_point(0, 5)
    drag(viewer, qtbot, [(0.45, 0.5), (0.55, 0.5)])
    qtbot.waitUntil(lambda: case.session.annotation.annotated > 0, timeout=LONG)
    assert set(np.argwhere(case.annotation.data)[:, 0]) == {5}


@pytest.mark.parametrize("layer", ["annotation", "prediction"])
def test_a_stroke_that_is_carried_before_the_first_slice_is_taken_back(viewer, case, qtbot, layer):
    case.session.prediction[:] = 2
    viewer.layers.selection.active = getattr(case, layer)
    getattr(case, layer).mode = "paint"
    getattr(case, layer).selected_label = 1
    viewer.dims.set_point(0, 0)
    notification_manager.records.clear()
    native = viewer.window._qt_viewer.canvas.native
    at = [QPoint(int(u * native.width()), native.height() // 2) for u in (0.45, 0.55)]
    qtbot.mouseMove(native, at[0])
    qtbot.mousePress(native, Qt.MouseButton.LeftButton, pos=at[0])
    viewer.dims.set_point(0, -5)  # as the wheel does
    qtbot.mouseMove(native, at[1])
    qtbot.mouseRelease(native, Qt.MouseButton.LeftButton, pos=at[1])
    qtbot.waitUntil(lambda: _said() == BEYOND, timeout=LONG)
    assert not case.annotation.data.any()
    assert (case.session.prediction == 2).all()
    assert case.session.annotation.annotated == 0


def test_a_ball_that_reaches_into_the_volume_is_painted(viewer, case, qtbot):
    viewer.dims.set_point(0, -2)
    case.annotation.n_edit_dimensions, case.annotation.brush_size = 3, 9
    drag(viewer, qtbot, [(0.45, 0.5), (0.55, 0.5)])
    qtbot.waitUntil(lambda: case.session.annotation.annotated > 0, timeout=LONG)
    assert np.argwhere(case.annotation.data)[:, 0].max() <= 3
    assert agrees(case)()


@pytest.mark.parametrize("position", [-5, 30])
def test_whole_slices_are_left_alone(viewer, case, qtbot, position):
    case.annotation.data_setitem((np.array([0, 23]), np.array([4, 4]), np.array([5, 5])), 2)
    qtbot.waitUntil(agrees(case), timeout=LONG)
    viewer.dims.set_point(0, position)
    for action in ("complete", "accept", "clear"):
        notification_manager.records.clear()
        case.dock.slices.act(action)
        assert _said() == BEYOND
    case.dock.next.mark()
    assert case.session.annotation.annotated == 2
    assert not any(case.session.checked.slices)


def test_the_viewed_slice_is_known_whichever_way_the_axes_are_rolled(viewer, open_case, qtbot):
    case = open_case(np.stack([phantom()[0]] * 3))
    viewer.dims.set_point(range(4), (1, 7, 8, 9))
    viewer.dims.roll()
    assert viewer.dims.displayed == (1, 2)
    assert viewed_plane(viewer, case.annotation) == Plane(2, 9) == shown_plane(case.annotation)


def _said() -> str:
    return str(notification_manager.records[-1].message) if notification_manager.records else ""
