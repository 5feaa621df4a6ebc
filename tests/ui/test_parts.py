"""The dock's parts on their own: value, setValue, valueChanged."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel

from napari_densify.cases.annotation import Annotation
from napari_densify.session.news import Phase, Status
from napari_densify.ui.classes import ClassRow, ClassTable, default_class
from napari_densify.ui.layers import colours
from napari_densify.ui.plane_buttons import PlaneButtons
from napari_densify.ui.planes import orientation_of
from napari_densify.ui.progress import ProgressPanel


@pytest.fixture
def table(qtbot) -> ClassTable:
    table = ClassTable()
    qtbot.addWidget(table)
    return table


def test_a_table_begins_with_background_and_one_structure(table):
    assert [row.label for row in table.value()] == [1, 2]
    assert table.current() == 2


def test_adding_takes_the_lowest_free_label_and_picks_it(table, qtbot):
    table.setValue([default_class(1), default_class(2), default_class(4)])
    with qtbot.waitSignal(table.valueChanged):
        table.add()
    assert [row.label for row in table.value()] == [1, 2, 4, 3]
    assert table.current() == 3


def test_background_and_the_last_structure_stay(table):
    table.remove(1)
    table.remove(2)
    assert [row.label for row in table.value()] == [1, 2]
    table.add()
    table.remove(2)
    assert [row.label for row in table.value()] == [1, 3]


def test_renaming_in_the_table(table, qtbot):
    with qtbot.waitSignal(table.valueChanged):
        table._table.item(1, 2).setText("tumour")
    assert table.value()[1].name == "tumour"
    table._table.item(1, 2).setText("  ")
    assert table.value()[1].name == "tumour"


def test_recolouring_keeps_the_picked_class(table, qtbot):
    table.pick(1)
    with qtbot.waitSignal(table.valueChanged):
        table.change(2, colour="#123456")
    assert table.value()[1].colour == "#123456"
    assert table.current() == 1


def test_counts_and_labels_from_elsewhere(table):
    table.require([1, 2, 7])
    table.setCounts({7: 1234})
    assert [row.label for row in table.value()] == [1, 2, 7]
    assert table._table.item(2, 3).text() == "1,234"


def test_background_is_transparent_in_the_prediction_only():
    rows = [default_class(1), ClassRow(2, "x", "#ff0000")]
    for background in (True, False):
        alpha = colours(rows, background).map(np.array([0, 1, 2, 77], np.uint8))[:, 3]
        assert list(alpha > 0) == [False, background, True, False]


def test_plane_buttons(qtbot):
    viewer = ViewerModel()
    viewer.dims.ndim = 3
    buttons = PlaneButtons(viewer)
    qtbot.addWidget(buttons)
    for name in ("xz", "yz", "xy"):
        with qtbot.waitSignal(buttons.valueChanged) as said:
            buttons.setValue(name)
        assert said.args == [name] == [buttons.value()] == [orientation_of(viewer)]
    viewer.dims.order = (2, 0, 1)
    assert buttons.value() == "yz"


def test_progress_speaks_plainly_and_draws_the_curve(qtbot):
    panel = ProgressPanel()
    qtbot.addWidget(panel)
    for i in range(5):
        panel.setValue(Status(Phase.TRAINING, "cpu", 2, i, 1 / (i + 1), train_seconds=float(i)))
    panel.setValue(Status(Phase.PAUSED, "cpu", 2, 5, math.nan, train_seconds=9.0, done=1.0))
    x, y = panel._curve.getData()
    assert len(x) == len(y) == 5
    panel.finish("Stopped.")
    assert panel.phase.text() == "Stopped."


@settings(deadline=None)
@given(
    box=st.tuples(*[st.tuples(st.integers(0, 7), st.integers(1, 5)) for _ in range(3)]),
)
def test_the_box_and_plane_of_an_edit(box):
    annotation = Annotation((12, 12, 12))
    mask = np.zeros(annotation.shape, bool)
    mask[tuple(slice(a, a + n) for a, n in box)] = True
    edit = annotation.change(np.flatnonzero(mask), 2)
    around = edit.box(annotation.shape)
    assert around.start == tuple(a for a, _ in box)
    assert around.shape == tuple(n for _, n in box)
    flat = [axis for axis, (_, n) in enumerate(box) if n == 1]
    plane = edit.plane(annotation.shape)
    assert (plane is not None) == (len(flat) == 1)
    if plane is not None:
        assert (plane.axis, plane.position) == (flat[0], box[flat[0]][0])
