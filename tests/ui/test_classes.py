"""Class surgery in a real window, while it learns."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QInputDialog, QMessageBox

from napari_densify.cases.plane import Plane
from napari_densify.ui.classes import ROW, ClassRow, ClassTable, default_class

from .conftest import LONG, drag, paint_slice, phantom
from .test_painting import agrees
from .test_slices import CTRL, SHIFT, press


def test_adding_merging_and_deleting_while_it_learns(viewer, open_case, qtbot, monkeypatch):
    case = open_case()
    session, dock = case.session, case.dock
    for axis in range(3):
        paint_slice(case, Plane(axis, 12), phantom()[1])
    qtbot.waitUntil(lambda: session.status.steps > 3, timeout=LONG)
    # A third class, by button, key and mouse: the head grows, nothing else is forgotten.
    dock.classes.buttons["add_class"].click()
    dock.classes.change(3, name="cyst")
    press(viewer, qtbot, Qt.Key.Key_3)
    assert case.annotation.selected_label == 3
    steps = session.status.steps
    viewer.dims.set_point(0, 4)
    with qtbot.waitSignal(session.edited, timeout=LONG):
        drag(viewer, qtbot, [(0.45, 0.5), (0.55, 0.5)])
    edits = session.orders.given
    qtbot.waitUntil(
        lambda: session.status.edits >= edits and session.status.steps > steps + 1, timeout=LONG
    )
    marks = session.annotation.marks
    # Merging says how much there is, and is one step of undo.
    said = []
    monkeypatch.setattr(
        QInputDialog,
        "getItem",
        lambda *about, editable: (said.append(about[2]), ("structure 1", True))[1],
    )
    merge, delete = (dock.classes.buttons[f"{what}_class"] for what in ("merge", "delete"))
    merge.click()
    assert not delete.isEnabled(), "the prediction is being searched"
    qtbot.waitUntil(lambda: len(dock.classes.value()) == 2 and delete.isEnabled(), timeout=LONG)
    assert f"“cyst” has {(marks['label'] == 3).sum():,} painted voxels" in said[0]
    assert [row.label for row in dock.classes.value()] == [1, 2]
    assert not (session.prediction == 3).any()
    assert agrees(case)()
    assert not (case.annotation.data == 3).any()
    press(viewer, qtbot, Qt.Key.Key_Z, CTRL)
    qtbot.waitUntil(lambda: 3 in session.annotation.classes, timeout=LONG)
    np.testing.assert_array_equal(session.annotation.marks, marks)
    assert dock.classes.value()[2].name == "cyst"
    # Deleting asks first, and no does nothing.
    for answer in (QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes):
        monkeypatch.setattr(
            QMessageBox, "question", lambda *about, a=answer: (said.append(about[2]), a)[1]
        )
        dock.classes.pick(3)
        asked = len(said)
        delete.click()
        qtbot.waitUntil(lambda n=asked: len(said) > n and delete.isEnabled(), timeout=LONG)
        gone = answer == QMessageBox.StandardButton.Yes
        assert (3 in session.annotation.classes) != gone
    assert "painted" in said[-1]
    assert "predicted" in said[-1]
    assert agrees(case)()
    steps = session.status.steps
    qtbot.waitUntil(lambda: session.status.steps > steps + 1, timeout=LONG)
    assert not (session.prediction == 3).any()


@pytest.mark.parametrize("mode", ["paint", "erase", "fill", "polygon"])
def test_no_tool_changes_a_locked_class_and_undo_stays_right(viewer, open_case, qtbot, mode):
    case = open_case()
    case.train(False)
    viewer.dims.set_point(0, 12)
    block = np.zeros(phantom()[1].shape, bool)
    block[12, 10:18, 12:20] = True
    case.annotation.data_setitem(np.nonzero(block), 2)
    case.annotation.data_setitem((np.full(8, 12), np.arange(10, 18), np.full(8, 20)), 1)
    qtbot.waitUntil(agrees(case), timeout=LONG)
    before = case.session.annotation.marks
    case.dock.classes.pick(2)
    press(viewer, qtbot, Qt.Key.Key_L, SHIFT)
    assert case.dock.classes.value()[1].locked
    case.dock.classes.add()
    assert case.annotation.selected_label == 3
    case.annotation.mode = mode
    case.annotation.brush_size = 6
    if mode == "polygon":
        case.annotation.paint_polygon([(12, 9, 9), (12, 9, 25), (12, 20, 25), (12, 20, 9)], 3)
    elif mode == "fill":
        case.annotation.fill((12, 12, 14), 3)
        drag(viewer, qtbot, [(0.5, 0.5), (0.5, 0.5)])
    else:
        drag(viewer, qtbot, [(0.4, 0.5), (0.65, 0.5)])
    qtbot.waitUntil(lambda: agrees(case)() and not case._annotation_bond._strokes, timeout=LONG)
    held = case.session.annotation.labels
    assert (held[block] == 2).all()
    if mode != "fill":
        assert not np.array_equal(case.session.annotation.marks, before), "the rest was painted"
    painted = case.session.annotation.marks
    moves = ((case.annotation.undo, before), (case.annotation.redo, painted))
    for move, expected in moves if mode != "fill" else ():  # that filled nothing
        move()
        qtbot.waitUntil(
            lambda e=expected: np.array_equal(case.session.annotation.marks, e), timeout=LONG
        )
        assert agrees(case)()
    case.dock.slices.buttons["Clear"].click()
    assert (case.session.annotation.labels[block] == 2).all()
    assert (case.session.annotation.labels > 0).sum() == block.sum()
    assert agrees(case)()
    case.dock.classes.pick(2)
    case.dock.classes.buttons["delete_class"].click()
    assert "locked" in str(notification_manager.records[-1].message)


def test_a_stroke_inside_a_locked_class_is_none_and_undo_goes_on(viewer, open_case, qtbot):
    case = open_case()
    case.train(False)
    viewer.dims.set_point(0, 12)
    block = np.zeros(phantom()[1].shape, bool)
    block[12, 4:24, 4:28] = True
    case.annotation.data_setitem(np.nonzero(block), 2)
    qtbot.waitUntil(agrees(case), timeout=LONG)
    case.session.locked = frozenset({2})
    case.annotation.selected_label, case.annotation.brush_size = 1, 3
    drag(viewer, qtbot, [(0.48, 0.5), (0.52, 0.5)])
    qtbot.waitUntil(lambda: not case._annotation_bond._strokes, timeout=LONG)
    assert (case.annotation.data[block] == 2).all()
    case.session.locked = frozenset()
    press(viewer, qtbot, Qt.Key.Key_Z, CTRL)
    assert not case.annotation.data.any()
    assert agrees(case)()


def test_a_hidden_class_keeps_its_voxels(viewer, open_case, qtbot):
    case = open_case()
    paint_slice(case, Plane(0, 12), phantom()[1])
    qtbot.waitUntil(agrees(case), timeout=LONG)
    marks = case.session.annotation.marks
    case.dock.classes.pick(2)
    press(viewer, qtbot, Qt.Key.Key_H, SHIFT)
    for layer in (case.annotation, case.prediction):
        assert layer.colormap.map(np.array([2], np.uint8))[0, 3] == 0
    np.testing.assert_array_equal(case.session.annotation.marks, marks)
    press(viewer, qtbot, Qt.Key.Key_H, SHIFT)
    assert case.annotation.colormap.map(np.array([2], np.uint8))[0, 3] > 0


@pytest.fixture
def table(qtbot) -> ClassTable:
    table = ClassTable()
    qtbot.addWidget(table)
    return table


def test_order_gives_the_keys(table):
    table.require([3])
    table.pick(3)
    table.move(-1)
    assert [row.label for row in table.value()] == [1, 3, 2]
    table.pickRow(1)
    assert table.current() == 3
    table.move(5)
    assert [row.label for row in table.value()] == [1, 2, 3]
    assert [table._table.item(i, 0).text() for i in range(3)] == ["1", "2", "3"]


def test_rows_are_dragged_with_the_mouse(table, qtbot):
    table.require([3, 4])
    table.pick(3)
    table.show()
    qtbot.waitExposed(table)
    grips = table._table.verticalHeader()

    def grip(row: int, down: float) -> QPoint:
        top = grips.sectionViewportPosition(row)
        return QPoint(grips.width() // 2, top + int(down * ROW))

    for here, there, order in ((2, 0, [3, 1, 2, 4]), (0, 3, [1, 2, 4, 3])):
        # Beyond the middle of the row whose place it is to take.
        from_, to = grip(here, 0.5), grip(there, 0.2 if there < here else 0.8)
        with qtbot.waitSignal(table.valueChanged):
            qtbot.mousePress(grips.viewport(), Qt.MouseButton.LeftButton, pos=from_)
            for step in range(1, 5):
                qtbot.mouseMove(grips.viewport(), from_ + (to - from_) * step / 4)
            qtbot.mouseRelease(grips.viewport(), Qt.MouseButton.LeftButton, pos=to)
        assert [row.label for row in table.value()] == order
        assert [table._table.item(i, 2).text() for i in range(4)] == [
            default_class(k).name for k in order
        ]
        assert [table._table.item(i, 0).text() for i in range(4)] == ["1", "2", "3", "4"]
        assert [grips.logicalIndex(i) for i in range(4)] == [0, 1, 2, 3]
        assert table.current() == 3


def test_boxes_show_and_lock(table, qtbot):
    for column in (4, 5):
        box = table._table.item(1, column)
        with qtbot.waitSignal(table.valueChanged):
            box.setCheckState(Qt.CheckState.Unchecked if column == 4 else Qt.CheckState.Checked)
    assert table.value()[1] == ClassRow(2, "structure 1", "#E69F00", visible=False, locked=True)


def test_a_class_that_was_taken_away_comes_back_as_it_was(table):
    table.require([3])
    table.change(3, name="cyst", colour="#123456")
    table.remove(3)
    table.require([3])
    assert table.value()[2] == ClassRow(3, "cyst", "#123456")
    table.remove(3)
    table.add()
    assert table.value()[2] == default_class(4), "another case may still hold the 3"


def test_the_brush_follows_the_row_that_is_shown_as_picked(open_case):
    case = open_case()
    table = case.dock.classes
    table.add()
    table.pick(2)
    assert case.annotation.selected_label == 2
    table.remove(2)
    assert table.current() == case.annotation.selected_label == 3
    case.annotation.selected_label = 0
    table.pickRow(1)
    assert case.annotation.selected_label == 3


def test_a_new_class_is_no_earlier_one_come_back(qtbot):
    table = ClassTable()
    qtbot.addWidget(table)
    table.add()
    table.remove(3)
    table.spared = frozenset({4})
    table.add()
    assert [row.label for row in table.value()] == [1, 2, 5]


def test_a_picked_class_keeps_its_colour_in_the_table(table, qtbot):
    cells = table._table
    with qtbot.waitExposed(table):
        table.show()
    for picked in (1, 2):
        table.pick(picked)
        for row, each in enumerate(table.value()):
            swatch = cells.viewport().grab(cells.visualItemRect(cells.item(row, 1))).toImage()
            seen = {
                swatch.pixelColor(x, swatch.height() // 2).name() for x in range(swatch.width())
            }
            assert each.colour.lower() in seen


def test_a_class_that_was_deleted_in_one_project_says_nothing_of_another(viewer, open_case, qtbot):
    case = open_case()
    dock = case.dock
    dock.classes.buttons["add_class"].click()
    dock.classes.change(3, name="tumour", colour="#ff0000")
    dock.classes.pick(3)
    dock.classes.buttons["delete_class"].click()
    qtbot.waitUntil(lambda: len(dock.classes.value()) == 2, timeout=LONG)
    dock.close_case()
    viewer.add_image(phantom()[0][::-1].copy(), name="other")
    dock.choice.setValue(viewer.layers["other"])
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    dock.case.annotation.data_setitem(tuple(np.array([[1], [2], [3]])), 3)
    qtbot.waitUntil(agrees(dock.case), timeout=LONG)
    assert dock.classes.value()[2] == default_class(3)
