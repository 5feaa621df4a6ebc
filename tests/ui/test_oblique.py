"""The oblique plane in a real window: what is painted there becomes voxels."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Points
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication
from scipy import ndimage

from napari_densify.cases.checked import Checked
from napari_densify.cases.digital_plane import DigitalPlane
from napari_densify.cases.oblique import ObliquePlane
from napari_densify.session.news import Look
from napari_densify.ui.plane_controls import PlaneControls
from napari_densify.ui.planes import viewed_plane

from .conftest import LONG, drag, phantom
from .test_painting import agrees

PLANE = ObliquePlane(30, -25, 1.5)
CORNERS = np.array([[0, 0], [0, 1], [1, 1], [1, 0]])
STROKE = [(0.42, 0.45), (0.5, 0.5), (0.58, 0.52)]


@pytest.fixture
def case(open_case, qtbot):
    """A case with its oblique plane open; nobody else may hold on to that view."""
    case = open_case(scale=(2, 1, 1))
    case.dock.planes.oblique.click()
    view = case.oblique
    view.setValue(PLANE)
    qtbot.waitUntil(lambda: view.digital.plane == PLANE, timeout=LONG)
    view.model.reset_view()
    qtbot.waitUntil(view.canvas.canvas.native.isVisible, timeout=LONG)
    return case


def stroke(view, qtbot, points=STROKE, pressed=Qt.MouseButton.LeftButton) -> None:
    """Drag the mouse over the oblique canvas; points in shares of its width and height."""
    native = view.canvas.canvas.native
    at = [QPoint(int(u * native.width()), int(v * native.height())) for u, v in points]
    qtbot.mouseMove(native, at[0])
    qtbot.mousePress(native, pressed, pos=at[0])
    for point in at[1:]:
        qtbot.mouseMove(native, point)
        qtbot.wait(20)
    qtbot.mouseRelease(native, pressed, pos=at[-1])


def paint(case, view, qtbot, points=STROKE) -> np.ndarray:
    """Drag a stroke, wait until the session has it; the voxels that it changed."""
    edits = []
    case.session.edited.connect(edits.append)
    stroke(view, qtbot, points)
    qtbot.waitUntil(lambda: bool(edits) and agrees(case)(), timeout=LONG)
    case.session.edited.disconnect(edits.append)
    assert len(edits) == 1
    return edits[0].where


def turn_wheel(view, notches: int, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
    native = view.canvas.canvas.native
    middle = QPointF(native.rect().center())
    event = QWheelEvent(
        middle,
        QPointF(native.mapToGlobal(native.rect().center())),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(native, event)


def plane_of_all(case, view) -> np.ndarray:
    """All voxels of the view's plane, as a mask."""
    mask = np.zeros(case.session.volume.shape, bool)
    mask.reshape(-1)[view.digital.voxels(np.ones(view.digital.size, bool))] = True
    return mask


def test_a_stroke_paints_the_plane_without_holes_and_erasing_takes_it_away(case, qtbot):
    oblique = case.oblique
    # Straight, for a busy machine may leave out corners of the mouse's way.
    line = [STROKE[0], STROKE[-1]]
    where = paint(case, oblique, qtbot, line)
    painted = case.session.annotation.labels == 2
    assert painted.sum() == where.size > 10
    sheet = plane_of_all(case, oblique)
    assert not (painted & ~sheet).any(), "a voxel off the plane"
    assert ndimage.label(painted, np.ones((3, 3, 3)))[1] == 1, "the stroke fell apart"
    # Nothing is left out inside: each free part of the plane reaches its edge.
    shown = oblique.digital.take(case.annotation.data) == 2
    np.testing.assert_array_equal(ndimage.binary_fill_holes(shown), shown)
    assert np.isin(oblique.digital.voxels(shown), where).all()
    np.testing.assert_array_equal(oblique.annotation.data == 2, shown)
    oblique.annotation.mode = "erase"
    assert case.annotation.mode == "erase"
    np.testing.assert_array_equal(paint(case, oblique, qtbot, line), where)
    assert not case.annotation.data.any()
    assert case.session.annotation.annotated == 0


@pytest.mark.parametrize("signs", [(1, 1), (-1, -1), (-1, 1)])
def test_left_is_left_in_the_plane_as_in_the_slice(open_case, qtbot, signs):
    """Axes of an image may run against the world's, as in most NIfTI files."""
    case = open_case(affine=np.diag([1, *signs, 1]))
    case.dock.planes.oblique.click()
    view = case.oblique
    qtbot.waitUntil(view.canvas.canvas.native.isVisible, timeout=LONG)
    view.model.reset_view()
    painted = paint(case, view, qtbot, [(0.45, 0.4), (0.45, 0.4)])
    voxels = np.transpose(np.unravel_index(painted, case.session.volume.shape))
    _, y, x = np.mean([case.image.data_to_world(voxel) for voxel in voxels], axis=0)
    _, middle_y, middle_x = case.image.extent.world.mean(axis=0)
    assert y < middle_y, "above the middle"
    assert x < middle_x, "left of it"


def test_the_same_stroke_paints_the_same_voxels_whatever_the_zoom(case, qtbot):
    oblique = case.oblique
    oblique.annotation.brush_size = 5
    where = paint(case, oblique, qtbot, [(0.5, 0.5)] * 2)
    case.annotation.undo()
    qtbot.waitUntil(lambda: not oblique.annotation.data.any(), timeout=LONG)
    qtbot.waitUntil(agrees(case), timeout=LONG)
    oblique.model.camera.zoom *= 3
    again = paint(case, oblique, qtbot, [(0.5, 0.5)] * 2)
    np.testing.assert_array_equal(again, where)


def test_undo_and_redo_by_key(case, qtbot):
    oblique = case.oblique
    paint(case, oblique, qtbot)
    painted = case.session.annotation.marks
    native = oblique.canvas.canvas.native
    qtbot.keyClick(native, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: not case.session.annotation.annotated, timeout=LONG)
    qtbot.waitUntil(lambda: not oblique.annotation.data.any(), timeout=LONG)
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(native, Qt.Key.Key_Z, both)
    qtbot.waitUntil(lambda: case.session.annotation.annotated > 0, timeout=LONG)
    np.testing.assert_array_equal(case.session.annotation.marks, painted)
    assert (oblique.annotation.data == oblique.digital.take(case.annotation.data)).all()


def test_the_plane_is_completed_and_cleared_by_key(case, qtbot):
    oblique = case.oblique
    painted = paint(case, oblique, qtbot)
    whole = np.flatnonzero(plane_of_all(case, oblique))
    native = oblique.canvas.canvas.native
    qtbot.keyClick(native, Qt.Key.Key_Q)
    qtbot.waitUntil(lambda: case.session.annotation.annotated == whole.size, timeout=LONG)
    labels = case.session.annotation.at(whole)["label"]
    np.testing.assert_array_equal(labels == 1, ~np.isin(whole, painted))
    qtbot.keyClick(native, Qt.Key.Key_D)
    qtbot.waitUntil(lambda: case.session.annotation.annotated == 0, timeout=LONG)
    undo = Qt.KeyboardModifier.ControlModifier
    qtbot.keyClick(native, Qt.Key.Key_Z, undo)
    qtbot.waitUntil(lambda: case.session.annotation.annotated == whole.size, timeout=LONG)


def test_a_plane_at_an_angle_is_not_checked_and_that_is_said(case, qtbot):
    qtbot.keyClick(case.oblique.canvas.canvas.native, Qt.Key.Key_K)
    assert case.session.checked == Checked()
    said = str(notification_manager.records[-1].message)
    assert said == "An oblique plane cannot be checked; check xy, xz and yz slices instead."


def test_filling_paints_the_whole_plane(case, qtbot):
    oblique = case.oblique
    case.annotation.mode = "fill"
    where = paint(case, oblique, qtbot, [(0.5, 0.5)] * 2)
    np.testing.assert_array_equal(where, np.flatnonzero(plane_of_all(case, oblique)))


def test_painting_over_what_another_slice_shows_leaves_no_hole(case, qtbot):
    oblique = case.oblique
    case.annotation.data_setitem(np.nonzero(np.indices(case.annotation.data.shape)[0] == 12), 2)
    qtbot.waitUntil(agrees(case), timeout=LONG)
    qtbot.waitUntil(lambda: bool(oblique.annotation.data.any()), timeout=LONG)
    case.annotation.mode = "polygon"
    oblique.annotation.paint_polygon(np.array(oblique.digital.size) * CORNERS, 2)
    sheet = plane_of_all(case, oblique)
    qtbot.waitUntil(lambda: bool((case.session.annotation.labels[sheet] == 2).all()), timeout=LONG)


def test_labels_are_preserved_if_wanted(case, qtbot):
    oblique = case.oblique
    before = (np.indices(case.annotation.data.shape)[0] == 12).astype(np.uint8)
    case.annotation.data_setitem(np.nonzero(before), 1)
    qtbot.waitUntil(lambda: bool(oblique.annotation.data.any()), timeout=LONG)
    case.annotation.preserve_labels = True
    oblique.annotation.paint_polygon(np.array(oblique.digital.size) * CORNERS, 2)
    seen = oblique.digital.nearest[oblique.digital.nearest >= 0]
    qtbot.waitUntil(lambda: bool(case.annotation.data.ravel()[seen].all()), timeout=LONG)
    assert (case.annotation.data[before > 0] == 1).all()


def test_what_cannot_be_edited_stays_so_when_the_plane_moves(case, qtbot):
    oblique = case.oblique
    oblique.annotation.editable = False
    oblique.setValue(ObliquePlane(-10, 70))
    qtbot.waitUntil(lambda: oblique.digital.plane.turn == 70, timeout=LONG)
    assert oblique.annotation.data.shape == oblique.digital.size
    assert not oblique.annotation.editable
    assert not oblique.prediction.editable
    for layer in oblique.model.layers:
        np.testing.assert_allclose(layer.translate, oblique.digital.corner)


def test_picking_a_class_on_the_plane_picks_it_everywhere(case, qtbot):
    oblique = case.oblique
    oblique.annotation.selected_label = 1
    paint(case, oblique, qtbot)
    case.annotation.selected_label = 2
    assert oblique.annotation.selected_label == 2
    oblique.annotation.mode = "pick"
    stroke(oblique, qtbot, [(0.5, 0.5)])
    qtbot.waitUntil(lambda: case.annotation.selected_label == 1, timeout=LONG)
    qtbot.keyClick(oblique.canvas.canvas.native, Qt.Key.Key_1)
    qtbot.keyClick(oblique.canvas.canvas.native, Qt.Key.Key_2)
    assert case.dock.classes.current() == 2
    assert case.annotation.selected_label == 2


def test_all_of_the_plane_is_shown_until_the_user_zooms(case, qtbot):
    oblique = case.oblique
    native = oblique.canvas.canvas.native

    def filled() -> float:
        """The plane's share of the canvas, along the side that it fills."""
        extent = oblique.annotation.extent
        size = extent.world[1] - extent.world[0] + extent.step
        return max(oblique.model.camera.zoom * size / (native.height(), native.width()))

    for height in (native.height(), native.height() // 3):
        native.resize(native.width(), height)
        qtbot.waitUntil(lambda: 0.9 < filled() <= 1, timeout=LONG)
    oblique.setValue(ObliquePlane(tilt=50, turn=30))
    qtbot.waitUntil(lambda: oblique.digital.plane.tilt == 50 and 0.9 < filled() <= 1, timeout=LONG)
    turn_wheel(oblique, 1, Qt.KeyboardModifier.ControlModifier)
    zoomed = oblique.model.camera.zoom
    native.resize(native.width(), native.height() // 2)
    QApplication.processEvents()
    assert oblique.model.camera.zoom == zoomed


def test_the_wheel_moves_the_plane_and_with_control_it_zooms(case, qtbot):
    oblique = case.oblique
    zoom = oblique.model.camera.zoom
    paint(case, oblique, qtbot)
    before = plane_of_all(case, oblique)
    turn_wheel(oblique, -1)
    expected = PLANE.offset + oblique.digital.step
    qtbot.waitUntil(lambda: oblique.digital.plane.offset == pytest.approx(expected), timeout=LONG)
    assert oblique.model.camera.zoom == zoom
    assert not (before & plane_of_all(case, oblique)).any()
    assert not oblique.annotation.data.any(), "the stroke is on the plane before"
    turn_wheel(oblique, 1, Qt.KeyboardModifier.ControlModifier)
    assert oblique.model.camera.zoom > zoom
    turn_wheel(oblique, 1)
    qtbot.waitUntil(lambda: bool(oblique.annotation.data.any()), timeout=LONG)
    assert agrees(case)()


def test_what_is_painted_and_predicted_elsewhere_appears(case, qtbot):
    oblique = case.oblique
    case.annotation.data_setitem(np.nonzero(phantom()[1]), 2)
    truth = oblique.digital.take(phantom()[1])
    for layer in (oblique.annotation, oblique.prediction):
        qtbot.waitUntil(lambda a=layer: np.array_equal(a.data == 2, truth == 1), timeout=LONG)


def test_three_clicks_define_a_plane(viewer, case, qtbot):
    oblique = case.oblique
    for _ in range(2):  # and given up
        oblique.controls.points.click()
        given_up = viewer.layers.selection.active
    assert given_up is case.annotation
    assert oblique.value() == PLANE
    oblique.controls.points.click()
    layer = viewer.layers.selection.active
    assert isinstance(layer, Points)
    for k, at in enumerate([(0.3, 0.3), (0.7, 0.35), (0.5, 0.7)]):
        viewer.dims.set_current_step(0, 8 + 3 * k)
        drag(viewer, qtbot, [at])
        points = layer.data.copy()
    qtbot.waitUntil(lambda: layer not in viewer.layers, timeout=LONG)
    assert len(points) == 3
    assert not oblique.controls.points.isChecked()
    assert viewer.layers.selection.active is case.annotation
    shape, spacing = case.session.volume.shape, case.session.volume.spacing
    digital = DigitalPlane(oblique.value(), shape, spacing)
    inside = (points - digital.middle) * spacing @ oblique.value().normal
    np.testing.assert_allclose(inside, oblique.value().offset, atol=1e-6)


def test_the_plane_that_faces_the_camera(viewer, case, qtbot):
    oblique = case.oblique
    viewer.dims.ndisplay = 3
    viewer.camera.center = (23, 14, 16)
    viewer.camera.set_view_direction((1, 1, 0))
    oblique.controls.camera.click()
    normal = oblique.value().normal
    np.testing.assert_allclose(np.abs(normal), np.array([1, 1, 0]) / np.sqrt(2), atol=1e-6)
    middle = np.array([24, 14, 16])  # of 24 slices, 2 apart: the 12th
    assert oblique.value().offset == pytest.approx(([23, 14, 16] - middle) @ normal)
    qtbot.waitUntil(lambda: oblique.digital.plane == oblique.value(), timeout=LONG)
    paint(case, oblique, qtbot)
    assert (np.flatnonzero(plane_of_all(case, oblique) & (case.annotation.data == 2))).size > 5


def test_closing_the_dock_unchecks_the_button_and_it_opens_again(viewer, case, qtbot):
    oblique = case.oblique
    with qtbot.waitSignal(oblique.closed, timeout=LONG):
        viewer.window.remove_dock_widget(oblique)
    assert not case.dock.planes.oblique.isChecked()
    case.dock.planes.oblique.click()
    again = case.oblique
    assert again is not None
    assert again is not oblique
    case.dock.close_case()
    assert not case.dock.planes.oblique.isChecked()


def test_it_opens_in_a_dock_that_napari_made(viewer, open_worker, qtbot):
    # As for a project that is opened as a file: napari hands the dock a proxy of its viewer.
    viewer.add_image(phantom()[0])
    _, dock = viewer.window.add_plugin_dock_widget("napari-densify", "Segment")
    dock._open_worker = open_worker
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    loop = dock.case.loop
    dock.planes.oblique.click()
    assert dock.planes.oblique.isChecked()
    assert "Oblique plane" in viewer.window.dock_widgets
    dock.close_case()
    assert "Oblique plane" not in viewer.window.dock_widgets
    assert loop.wait(LONG / 1000)


def test_controls_tell_what_was_set_exactly(qtbot):
    controls = PlaneControls()
    qtbot.addWidget(controls)
    plane = ObliquePlane(12.345678, -80.1, 3.25)
    with qtbot.waitSignal(controls.valueChanged) as changed:
        controls.setValue(plane)
    assert changed.args == [plane] == [controls.value()]
    with qtbot.waitSignal(controls.valueChanged):
        controls.turn.setValue(10)
    assert controls.value().turn == 10


def test_the_plane_that_is_looked_at_is_predicted_first(case, viewer, qtbot):
    sent = []
    case.session.drive.post = sent.append
    other = ObliquePlane(10, 20, -1)
    case.oblique.setValue(other)
    qtbot.waitUntil(lambda: Look(other) in sent, timeout=LONG)
    case.dock.planes.oblique.click()
    assert sent[-1] == Look(viewed_plane(viewer, case.annotation))


def test_it_shows_the_channel_that_the_main_canvas_shows(viewer, open_case, qtbot):
    channels = [phantom()[0] + k for k in range(3)]
    case = open_case(np.stack(channels))
    viewer.dims.set_current_step(0, 1)
    case.dock.planes.oblique.click()
    view = case.oblique

    def shows(channel: int, plane: ObliquePlane) -> bool:
        digital = DigitalPlane(plane, channels[0].shape, (1.0, 1.0, 1.0))
        return np.array_equal(view.image.data, digital.reslice(channels[channel]), equal_nan=True)

    assert shows(1, view.value())
    viewer.dims.set_current_step(0, 2)
    qtbot.waitUntil(lambda: shows(2, view.value()), timeout=LONG)
    view.setValue(PLANE)
    qtbot.waitUntil(lambda: shows(2, PLANE), timeout=LONG)
