"""Keys and buttons for whole slices, pressed in a real window."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt

from napari_densify.cases.checked import Checked
from napari_densify.cases.plane import Plane
from napari_densify.session.disagreements import Place
from napari_densify.session.suggest import Suggestion

from .conftest import LONG, paint_slice, phantom
from .test_painting import agrees

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def press(viewer, qtbot, key: Qt.Key, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
    qtbot.keyClick(viewer.window._qt_viewer.canvas.native, key, modifiers)


@pytest.mark.parametrize(("orientation", "axis"), [("xy", 0), ("xz", 1), ("yz", 2)])
def test_keys_act_on_the_slice_that_is_looked_at(viewer, open_case, qtbot, orientation, axis):
    case = open_case()
    case.dock.planes.setValue(orientation)
    viewer.dims.set_point(axis, 7)
    seen = Plane(axis, 7)
    case.session.prediction[:] = 2
    for key, label in ((Qt.Key.Key_A, 2), (Qt.Key.Key_D, 0), (Qt.Key.Key_Q, 1)):
        before = case.session.annotation.marks
        with qtbot.waitSignal(case.session.edited, timeout=LONG):
            press(viewer, qtbot, key)
        assert (case.session.annotation.on(seen) == label).all()
        assert (seen.take(case.annotation.data) == label).all()
        assert agrees(case)()
        after = case.session.annotation.marks
        for modifiers, expected in ((CTRL, before), (CTRL | SHIFT, after)):
            with qtbot.waitSignal(case.session.edited, timeout=LONG):
                press(viewer, qtbot, Qt.Key.Key_Z, modifiers)
            np.testing.assert_array_equal(case.session.annotation.marks, expected)
    viewer.dims.set_point(axis, 9)
    with qtbot.waitSignal(case.session.edited, timeout=LONG):
        press(viewer, qtbot, Qt.Key.Key_C)
    assert (case.session.annotation.on(Plane(axis, 9)) == 1).all()
    with qtbot.waitSignal(case.session.edited, timeout=LONG):
        press(viewer, qtbot, Qt.Key.Key_Z, CTRL)
    np.testing.assert_array_equal(case.session.annotation.marks, after)


def test_napari_undoes_them_like_strokes(viewer, open_case, qtbot):
    case = open_case()
    paint_slice(case, Plane(0, 12), phantom()[1])
    qtbot.waitUntil(agrees(case), timeout=LONG)
    viewer.dims.set_point(0, 12)
    before = case.session.annotation.marks.copy()
    with qtbot.waitSignal(case.session.edited, timeout=LONG):
        case.dock.slices.buttons["Clear"].click()
    assert not case.session.annotation.annotated
    with qtbot.waitSignal(case.session.edited, timeout=LONG):
        case.annotation.undo()
    np.testing.assert_array_equal(case.session.annotation.marks, before)
    with qtbot.waitSignal(case.session.edited, timeout=LONG):
        case.annotation.redo()
    assert not case.session.annotation.annotated


def test_what_cannot_be_done_is_said(viewer, open_case, qtbot):
    open_case()
    seen = len(notification_manager.records)
    press(viewer, qtbot, Qt.Key.Key_D)
    viewer.dims.ndisplay = 3
    press(viewer, qtbot, Qt.Key.Key_D)
    told = [str(record.message) for record in notification_manager.records[seen:]]
    assert told == [
        "Nothing is painted on this slice.",
        "The 3-D view shows no slice; press one of xy, xz and yz first.",
    ]


def test_they_act_on_a_hidden_annotation_that_was_turned_meanwhile(viewer, open_case, qtbot):
    case = open_case()
    case.annotation.visible = False
    viewer.dims.roll()
    viewer.dims.set_point(2, 30)
    case.dock.slices.buttons["Complete"].click()
    seen = Plane(2, 30)
    assert (case.session.annotation.on(seen) == 1).all()
    qtbot.waitUntil(agrees(case), timeout=LONG)
    case.annotation.visible = True
    assert (case.annotation._slice.image.raw == 1).all()
    case.dock.slices.buttons["Clear"].click()
    assert not seen.take(case.annotation.data).any()


def test_a_frame_that_is_not_shown_is_left_alone(viewer, open_case, qtbot):
    case = open_case(np.stack([phantom()[0] + t for t in range(6)]))  # shown in its middle
    told = len(notification_manager.records)
    viewer.dims.set_current_step(0, 3)
    for key in (Qt.Key.Key_Q, Qt.Key.Key_K):
        press(viewer, qtbot, key)
    assert not case.session.annotation.annotated
    assert case.session.checked == Checked()
    sentence = "You annotate frame 2, and another one is shown; move the slider to it first."
    assert [str(r.message) for r in notification_manager.records[told:]] == [sentence] * 2
    case.dock.check.setValue([Place((5, 6, 7), 1, 2, 1)])
    case.dock.check.list.itemClicked.emit(case.dock.check.list.item(0))
    assert viewer.dims.current_step == (2, 5, 6, 7)
    press(viewer, qtbot, Qt.Key.Key_Q)
    assert (case.session.annotation.on(Plane(0, 5)) == 1).all()
    viewer.dims.set_current_step(0, 3)
    case.dock.next.setValue([Suggestion(Plane(0, 8), 2, 0.5, 3.0)])
    case.dock.next.list.itemClicked.emit(case.dock.next.list.item(0))
    assert viewer.dims.current_step == (2, 8, 6, 7)
