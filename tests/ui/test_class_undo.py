"""Ctrl+Z and Ctrl+Shift+Z after classes were merged or deleted, in a real window."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QInputDialog, QMessageBox

from napari_densify.cases.plane import Plane

from .conftest import LONG, paint_slice, phantom
from .test_painting import agrees
from .test_slices import CTRL, SHIFT, press


@pytest.mark.parametrize("what", ["merge", "delete"])
def test_redo_makes_one_class_of_two_again(viewer, open_case, qtbot, monkeypatch, what):
    case = open_case()
    session, table = case.session, case.dock.classes
    table.add()
    for axis in range(3):
        paint_slice(case, Plane(axis, 12), phantom()[1])
    ball = np.zeros(phantom()[1].shape, bool)
    ball[12, 6:14, 6:14] = True
    case.annotation.data_setitem(np.nonzero(ball), 3)
    qtbot.waitUntil(lambda: (session.prediction == 3).sum() > ball.sum(), timeout=LONG)
    qtbot.waitUntil(lambda: session.up_to_date, timeout=LONG)
    yes = QMessageBox.StandardButton.Yes
    monkeypatch.setattr(QMessageBox, "question", lambda *about: yes)
    monkeypatch.setattr(QInputDialog, "getItem", lambda *_, editable: ("structure 1", True))
    button = table.buttons[f"{what}_class"]

    def gone() -> bool:
        rows = [row.label for row in table.value()]
        return rows == [1, 2] and button.isEnabled() and not (session.prediction == 3).any()

    table.pick(3)
    button.click()
    qtbot.waitUntil(gone, timeout=LONG)
    for _ in range(2):
        press(viewer, qtbot, Qt.Key.Key_Z, CTRL)
        qtbot.waitUntil(lambda: 3 in session.annotation.classes, timeout=LONG)
        qtbot.waitUntil(lambda: session.up_to_date, timeout=LONG)
        assert (session.prediction == 3).sum() > ball.sum(), "it is predicted again"
        press(viewer, qtbot, Qt.Key.Key_Z, CTRL | SHIFT)
        qtbot.waitUntil(gone, timeout=LONG)
        assert agrees(case)()
        qtbot.waitUntil(lambda: session.up_to_date, timeout=LONG)
        assert gone(), "nor is it predicted anew"
