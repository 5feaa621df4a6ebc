"""The table of volumes."""

from __future__ import annotations

import numpy as np
import pint
import pytest
from qtpy.QtGui import QGuiApplication

from napari_densify.cases.plane import Plane
from napari_densify.session.surgery import delete

from .conftest import LONG, paint_slice, phantom


def test_it_follows_the_prediction_and_can_be_copied(open_case, qtbot):
    case = open_case(units=("mm", "mm", "mm"), scale=(2, 1, 1))
    panel = case.dock.volumes
    case.session.prediction[:10] = 2
    panel.expand(animate=False)
    qtbot.waitUntil(lambda: panel.table.rowCount() > 0, timeout=LONG)
    voxels = 10 * 28 * 32
    assert panel.table.item(0, 1).text() == f"{voxels * 2 / 1000:.2f} ml"
    with qtbot.waitSignal(panel.copied, timeout=LONG):
        panel.copy.click()
    first = QGuiApplication.clipboard().text().splitlines()[1].split("\t")
    assert first[:3] == ["structure 1", f"{voxels * 2 / 1000:.2f} ml", f"{voxels:,}"]
    paint_slice(case, Plane(0, 12), phantom()[1])
    case.annotation.data_setitem(tuple(np.array([[20], [3], [4]])), 3)
    qtbot.waitUntil(lambda: panel.table.rowCount() == 2, timeout=LONG)
    painted = int((phantom()[1][12] == 1).sum())
    qtbot.waitUntil(
        lambda: panel.table.item(0, 2).text() != f"{voxels:,}" and painted > 0, timeout=LONG
    )


def test_a_class_that_is_gone_has_no_row(open_case):
    case = open_case()
    case.session.prediction[:10] = 2
    assert [m.label for m in case.dock.volumes.look(case.session)] == [2]
    delete(case.session, 2)
    assert not case.dock.volumes.look(case.session)
    case.session.paint(np.arange(3), 2)
    assert [m.label for m in case.dock.volumes.look(case.session)] == [2]


@pytest.mark.parametrize(
    ("size", "unit", "text"),
    [
        (1500, "millimeter", "1.500 ml"),
        (2, "centimeter", "2.000 ml"),
        (23.456, "centimeter", "23.46 ml"),
        (1234.56, "centimeter", "1,234.6 ml"),
        (27.4, "micrometer", "27 µm³"),
        (1, "nanometer", "0 µm³"),
        (12.0, "pixel", "12 (no unit)"),
    ],
)
def test_volumes_are_said_in_the_units_of_the_field(size, unit, text):
    from napari_densify.ui.volumes import volume_text

    assert volume_text(size, pint.get_application_registry().Unit(unit)) == text


def test_a_panel_says_nothing_of_another_case_nor_of_a_round_it_did_not_see(open_case, qtbot):
    case = open_case()
    panel, session = case.dock.volumes, case.session
    session.prediction[:10] = 2
    panel.expand(animate=False)
    qtbot.waitUntil(lambda: panel.table.rowCount() > 0, timeout=LONG)
    panel._begin_round(session.annotation.round + 1)
    assert panel._before
    panel._begin_round(session.annotation.round + 2)
    assert not panel._before
    case.dock.close_case()
    with qtbot.waitSignal(case.dock.caseOpened, timeout=LONG):
        case.dock.choice.annotate.click()
    assert panel.text().count("\n") == 0


def test_volumes_are_in_the_unit_of_what_was_painted_on(open_case):
    case = open_case(units=("mm", "um", "um"), scale=(0.002, 1, 1))
    assert case.dock.volumes._volume(10) == "20 µm³"
