"""What was learned is thrown away only when the user agrees, in a real window."""

from __future__ import annotations

import numpy as np
from napari._app_model import get_app_model
from qtpy.QtWidgets import QMessageBox

from napari_densify.cases.plane import Plane

from .conftest import LONG, paint_slice, phantom


def test_forgetting_asks_by_button_and_command(open_case, qtbot, monkeypatch):
    case = open_case()
    session, learning = case.session, case.dock.learning
    asked, answers = [], []
    monkeypatch.setattr(
        QMessageBox, "question", lambda *about: (asked.append(about[2]), answers.pop())[1]
    )
    learning.reset.click()
    assert not asked, "nothing is learned yet"
    for axis in range(3):
        paint_slice(case, Plane(axis, 12), phantom()[1])
    qtbot.waitUntil(lambda: session.status.steps > 3, timeout=LONG)
    case.train(False)
    marks, told = session.annotation.marks, session.orders.given
    forgotten = []
    learning.forgotten.connect(lambda: forgotten.append(True))
    run = get_app_model().commands.execute_command
    for act in (learning.reset.click, lambda: run("napari-densify.forget").result()):
        answers.append(QMessageBox.StandardButton.No)
        act()
    assert len(asked) == 2
    assert "steps) is thrown away; what you painted stays" in asked[0]
    assert session.status.steps > 3
    assert session.orders.given == told
    assert not forgotten
    answers.append(QMessageBox.StandardButton.Yes)
    learning.reset.click()
    qtbot.waitUntil(lambda: session.status.steps == 0, timeout=LONG)
    assert forgotten
    np.testing.assert_array_equal(session.annotation.marks, marks)


def test_it_asks_where_a_model_was_brought_along(open_case, qtbot, monkeypatch):
    case = open_case()
    session, learning = case.session, case.dock.learning
    session.orders.model = b"a model"
    asked = []
    no = QMessageBox.StandardButton.No
    monkeypatch.setattr(QMessageBox, "question", lambda *about: (asked.append(about[2]), no)[1])
    learning.reset.click()
    assert asked == ["Everything learned so far is thrown away; what you painted stays."]
    assert session.orders.model
    learning.begin_anew()
    assert not session.orders.model
