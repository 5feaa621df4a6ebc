"""Keys that are pressed and a wheel that is turned over the dock, in a real window."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLineEdit, QSlider, QSpinBox, QTableWidget, QWidget

from napari_densify.cases.checked import Checked
from napari_densify.cases.plane import Plane
from napari_densify.session.disagreements import Place
from napari_densify.session.suggest import Suggestion
from napari_densify.ui.section import Column

from .conftest import LONG, paint_slice, phantom
from .test_slices import SHIFT

NAME, SHOW = 2, 4
"""Columns of the class table."""


def activate(qtbot, widget: QWidget) -> None:
    """Let keys go to a widget's window."""
    widget.window().activateWindow()
    qtbot.waitUntil(widget.isActiveWindow, timeout=LONG)


def click(qtbot, view, item, double: bool = False) -> None:
    """Click a row of a list or table; it has the focus then, or the editor of a name."""
    activate(qtbot, view)
    at = view.visualItemRect(item).center()
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    if double:
        qtbot.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    editing = lambda: isinstance(QApplication.focusWidget(), QLineEdit)  # noqa: E731
    qtbot.waitUntil(editing if double else view.hasFocus, timeout=LONG)


def press(viewer, key: Qt.Key, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key where the focus is."""
    QTest.keyClick(viewer.window._qt_window.windowHandle(), key, modifiers)


def highlighted(table) -> list[int]:
    """Labels of the rows that are shown as picked."""
    rows = table._table.selectionModel().selectedRows()
    return [table.value()[index.row()].label for index in rows]


def turn_wheel(widget: QWidget, notches: int) -> None:
    """Turn the wheel towards oneself over the middle of a widget."""
    middle = widget.mapToGlobal(widget.rect().center())
    for _ in range(notches):
        over = widget
        # What a widget ignores Qt offers to the one around, but not if a program sent it.
        while not _takes_notch(over, middle):
            over = over.parentWidget()


def _takes_notch(widget: QWidget, at: QPoint) -> bool:
    event = QWheelEvent(
        QPointF(widget.mapFromGlobal(at)),
        QPointF(at),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    return (QApplication.sendEvent(widget, event) and event.isAccepted()) or widget.isWindow()


def test_keys_paint_and_accept_after_a_click_on_a_class(viewer, open_case, qtbot):
    case = open_case()
    case.train(False)
    classes = case.dock.classes
    names = [row.name for row in classes.value()]
    for row, key in ((1, Qt.Key.Key_1), (0, Qt.Key.Key_2)):
        click(qtbot, classes._table, classes._table.item(row, NAME))
        press(viewer, key)
        assert [row.name for row in classes.value()] == names
        assert highlighted(classes) == [case.annotation.selected_label] == [2 - row]
    case.session.prediction[:] = 2
    with qtbot.waitSignal(case.session.edited, timeout=LONG):
        press(viewer, Qt.Key.Key_A)
    press(viewer, Qt.Key.Key_Return)
    assert [row.name for row in classes.value()] == names
    press(viewer, Qt.Key.Key_L, SHIFT)
    assert [row.locked for row in classes.value()] == [False, True]
    window = viewer.window._qt_window.windowHandle()
    for held, act in ((True, QTest.keyPress), (False, QTest.keyRelease)):
        act(window, Qt.Key.Key_H)
        assert case.prediction.visible != held


def test_a_name_is_typed_and_a_box_is_switched_by_the_space_bar(viewer, open_case, qtbot):
    case = open_case()
    classes = case.dock.classes
    click(qtbot, classes._table, classes._table.item(1, NAME), double=True)
    QTest.keyClicks(QApplication.focusWidget(), "lobe 1 q")
    press(viewer, Qt.Key.Key_Return)
    assert [row.name for row in classes.value()] == ["background", "lobe 1 q"]
    assert highlighted(classes) == [case.annotation.selected_label] == [2]
    assert not case.session.annotation.annotated
    classes._table.setCurrentCell(1, SHOW)
    press(viewer, Qt.Key.Key_Space)
    assert [row.visible for row in classes.value()] == [True, False]


def test_the_picked_class_stays_highlighted_whatever_is_held_at_the_click(open_case, qtbot):
    case = open_case()
    classes = case.dock.classes
    at = classes._table.visualItemRect(classes._table.item(1, NAME)).center()
    for held in (Qt.KeyboardModifier.ControlModifier, SHIFT):
        qtbot.mouseClick(classes._table.viewport(), Qt.MouseButton.LeftButton, held, at)
        assert highlighted(classes) == [case.annotation.selected_label] == [2]


def test_keys_check_and_accept_after_a_click_on_what_is_listed(viewer, open_case, qtbot):
    case = open_case()
    case.train(False)
    case.session.prediction[:] = 2
    dock = case.dock
    for panel, row, seen in (
        (dock.next, Suggestion(Plane(0, 8), 2, 0.5, 3.0), 8),
        (dock.check, Place((5, 6, 7), 1, 2, 1), 5),
    ):
        panel.expand()
        panel.setValue([row])
        QApplication.processEvents()
        dock.findChild(Column).ensureWidgetVisible(panel)
        click(qtbot, panel.list, panel.list.item(0))
        with qtbot.waitSignal(case.session.edited, timeout=LONG):
            press(viewer, Qt.Key.Key_A)
        assert (case.session.annotation.on(Plane(0, seen)) == 2).all()
        press(viewer, Qt.Key.Key_K)
        assert Plane(0, seen) in case.session.checked
    assert case.session.checked == Checked(slices=((5, 8), (), ()))


def test_a_key_chooses_nothing_in_a_box_that_has_the_focus(viewer, open_case, qtbot):
    case = open_case()
    mode = case.dock.learning.mode
    activate(qtbot, mode)
    mode.setFocus()
    qtbot.waitUntil(mode.hasFocus, timeout=LONG)
    press(viewer, Qt.Key.Key_L, SHIFT)
    assert case.dock.classes.value()[1].locked
    assert case.session.live
    press(viewer, Qt.Key.Key_Down)
    assert not case.session.live


def test_the_wheel_scrolls_the_dock_and_changes_no_setting(viewer, open_case, qtbot):
    case = open_case()
    paint_slice(case, Plane(0, 12), phantom()[1])  # now there is a project, and its case a mark
    dock, learning = case.dock, case.dock.learning
    viewer.window.resize(1100, 500)
    dock.cases.expand()
    column = dock.findChild(Column)
    scrolled = column.verticalScrollBar()
    qtbot.waitUntil(lambda: scrolled.maximum() > 200, timeout=LONG)
    viewer.window._qt_viewer.canvas.native.setFocus()
    strength = case.session.orders.settings.strength
    for over in (learning.mode, learning.strength._slider, dock.cases.mark):
        scrolled.setValue(0)
        turn_wheel(over, 2)
        assert scrolled.value() > 0
    assert (learning.mode.currentText(), case.session.live) == ("learns by itself", True)
    assert learning.strength.value() == strength
    assert (dock.cases.mark.currentIndex(), case.session.keeping.mark) == (0, "")
    # Clicked, the slider is turned by the wheel.
    activate(qtbot, column)
    column.ensureWidgetVisible(learning.strength)
    qtbot.mouseClick(learning.strength._slider, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(learning.strength._slider.hasFocus, timeout=LONG)
    clicked, at = learning.strength.value(), scrolled.value()
    turn_wheel(learning.strength._slider, 3)
    assert learning.strength.value() < clicked
    assert scrolled.value() == at


@pytest.fixture
def column(qtbot) -> Column:
    """More than fits into it."""
    inside = [QWidget() for _ in range(9)]
    for each in inside:
        each.setMinimumHeight(100)
    column = Column(*inside)
    qtbot.addWidget(column)
    column.resize(300, 300)
    with qtbot.waitExposed(column):
        column.show()
    return column


@pytest.mark.parametrize("kind", [QSpinBox, QSlider])
def test_the_wheel_passes_over_what_is_added_later_too(column, qtbot, kind):
    table = QTableWidget(1, 1)
    table.setFixedHeight(60)
    column.widget().layout().insertWidget(0, table)
    within = kind()
    table.setCellWidget(0, 0, within)
    qtbot.waitUntil(within.isVisible, timeout=LONG)
    within.setRange(0, 10)
    within.setValue(5)
    turn_wheel(within, 1)
    assert within.value() == 5
    assert column.verticalScrollBar().value() > 0
    activate(qtbot, within)
    within.setFocus()
    qtbot.waitUntil(within.hasFocus, timeout=LONG)
    turn_wheel(within, 1)
    assert within.value() < 5


def test_another_class_is_picked_while_a_name_is_typed(open_case, qtbot):
    case = open_case()
    classes = case.dock.classes
    click(qtbot, classes._table, classes._table.item(1, NAME), double=True)
    QTest.keyClicks(QApplication.focusWidget(), "cyst")
    classes.pickRow(0)
    assert [row.name for row in classes.value()] == ["background", "cyst"]
    assert highlighted(classes) == [case.annotation.selected_label] == [1]


def test_no_class_is_highlighted_while_the_brush_paints_none_of_them(viewer, open_case, qtbot):
    case = open_case()
    classes = case.dock.classes
    native = viewer.window._qt_viewer.canvas.native
    for label in (0, 2):
        qtbot.keyClick(native, Qt.Key.Key_X)  # napari swaps the label with background, 0
        assert case.annotation.selected_label == label
        assert highlighted(classes) == ([2] if label else [])
    qtbot.keyClick(native, Qt.Key.Key_X)
    click(qtbot, classes._table, classes._table.item(1, NAME))
    assert highlighted(classes) == [case.annotation.selected_label] == [2]
