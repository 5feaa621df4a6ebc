"""Suggested and checked slices, by real keys in a real window."""

from __future__ import annotations

import numpy as np
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt

from napari_densify.cases.box import Box
from napari_densify.cases.checked import Checked
from napari_densify.cases.plane import Plane
from napari_densify.session.news import Block
from napari_densify.ui.planes import viewed_plane

from .conftest import LONG, phantom
from .test_slices import press


def predicted(case, uncertainty) -> None:
    """Let a prediction arrive; the worker has nothing to say meanwhile."""
    labels = phantom()[1] + 1
    whole = Box((0, 0, 0), labels.shape)
    case.session.take(Block(whole, labels.astype(np.uint8), uncertainty.astype(np.uint8)))


def test_a_key_goes_to_the_best_slice_and_then_to_the_runners_up(viewer, open_case, qtbot):
    case = open_case(scale=(2, 1, 1))
    panel = case.dock.next
    seen = len(notification_manager.records)
    press(viewer, qtbot, Qt.Key.Key_N)
    qtbot.waitUntil(lambda: len(notification_manager.records) > seen, timeout=LONG)
    assert "Nothing to suggest yet" in str(notification_manager.records[-1].message)
    uncertainty = np.full(phantom()[1].shape, 20)
    uncertainty[:, 17, :] = 240
    predicted(case, uncertainty)
    press(viewer, qtbot, Qt.Key.Key_N)
    qtbot.waitUntil(lambda: viewed_plane(viewer, case.annotation) == Plane(1, 17), timeout=LONG)
    assert case.dock.planes.value() == "xz"
    assert panel.list.count() == 3
    assert not panel.isExpanded()
    why = str(notification_manager.records[-1].message)
    assert why.startswith("Much of “structure 1” is uncertain here"), "the list is not seen"
    assert panel.list.item(0).text().startswith("xz 17: Much of “structure 1” is uncertain here")
    runner_up = panel.list.item(1).data(Qt.ItemDataRole.UserRole).plane
    press(viewer, qtbot, Qt.Key.Key_N)
    qtbot.waitUntil(lambda: viewed_plane(viewer, case.annotation) == runner_up, timeout=LONG)
    panel.list.itemClicked.emit(panel.list.item(0))
    assert viewed_plane(viewer, case.annotation) == Plane(1, 17)


def test_checked_slices_are_stepped_over_and_not_offered(viewer, open_case, qtbot):
    case = open_case(scale=(2, 1, 1))
    panel = case.dock.next
    case.dock.planes.setValue("yz")
    viewer.dims.set_point(2, 30)
    case.session.check(Plane(2, 0))
    press(viewer, qtbot, Qt.Key.Key_K)
    assert viewed_plane(viewer, case.annotation) == Plane(2, 31)
    press(viewer, qtbot, Qt.Key.Key_K)  # the last one: on from the start, where 0 is checked
    assert viewed_plane(viewer, case.annotation) == Plane(2, 1)
    assert case.session.checked == Checked(slices=((), (), (0, 30, 31)))
    assert [bar.value() for bar in panel.checked.bars.values()] == [0, 0, 3]
    assert panel.checked.bars["yz"].format() == "3/32"
    uncertainty = np.zeros(phantom()[1].shape)
    uncertainty[:, :, 26:] = 240
    predicted(case, uncertainty)
    press(viewer, qtbot, Qt.Key.Key_N)
    qtbot.waitUntil(lambda: panel.list.count() > 0, timeout=LONG)
    offered = [panel.list.item(i).data(Qt.ItemDataRole.UserRole) for i in range(panel.list.count())]
    assert all(each.plane not in case.session.checked for each in offered)
    case.dock.planes.setValue("yz")
    viewer.dims.set_point(2, 31)
    native = viewer.window._qt_viewer.canvas.native
    qtbot.keyClick(native, Qt.Key.Key_K, Qt.KeyboardModifier.ShiftModifier)
    assert viewed_plane(viewer, case.annotation) == Plane(2, 31)
    assert Plane(2, 31) not in case.session.checked
    assert panel.checked.bars["yz"].value() == 2


def test_painting_on_a_checked_slice_leaves_it_checked(viewer, open_case, qtbot):
    case = open_case()
    viewer.dims.set_point(0, 7)
    case.dock.next.check.click()
    assert viewed_plane(viewer, case.annotation) == Plane(0, 8)
    with qtbot.waitSignal(case.session.edited, timeout=LONG):
        case.annotation.data_setitem((np.array([7]), np.array([3]), np.array([3])), 2)
    assert Plane(0, 7) in case.session.checked
    viewer.dims.ndisplay = 3
    press(viewer, qtbot, Qt.Key.Key_K)
    assert "3-D view" in str(notification_manager.records[-1].message)
