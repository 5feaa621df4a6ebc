"""Keys and buttons for whole slices, pressed in a real window."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt

from napari_densify.cases.plane import Plane

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
