"""Painting on the prediction, with a real mouse in a real window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.layers import Labels
from qtpy.QtCore import Qt

from napari_densify.ui.strokes import changes

from .conftest import LONG, drag
from .test_painting import agrees

STROKE = [(0.4, 0.5), (0.5, 0.5), (0.6, 0.55)]


@pytest.fixture
def shown(viewer, open_case):
    """A case whose prediction says structure everywhere, with the prediction picked to paint on."""
    case = open_case()
    case.session.prediction[:] = 2
    case.prediction.refresh()
    viewer.layers.selection.active = case.prediction
    return case


@pytest.mark.parametrize("mode", ["paint", "erase"])
def test_a_stroke_there_is_a_correction(viewer, shown, qtbot, mode):
    case = shown
    case.dock.classes.pick(1)
    assert case.prediction.selected_label == 1
    case.prediction.mode = mode
    with qtbot.waitSignal(case.session.edited, timeout=LONG) as edited:
        drag(viewer, qtbot, STROKE)
    (edit,) = edited.args
    marks = case.session.annotation.at(edit.where)
    assert (marks["label"] == 1).all()
    assert marks["wrong"].all()
    assert agrees(case)()
    assert (case.session.prediction.reshape(-1)[edit.where] == 1).all()
    canvas = viewer.window._qt_viewer.canvas.native
    with qtbot.waitSignal(case.session.edited, timeout=LONG):
        qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not case.session.annotation.annotated
    assert agrees(case)()


def test_filling_there_corrects_what_hangs_together(viewer, shown, qtbot):
    case = shown
    case.session.prediction[:, :, :4] = case.session.prediction[:, :, 28:] = 1
    case.prediction.refresh()
    case.dock.classes.pick(3)
    case.dock.classes.add()
    case.prediction.selected_label = 3
    case.prediction.mode = "fill"
    with qtbot.waitSignal(case.session.edited, timeout=LONG):
        drag(viewer, qtbot, [(0.5, 0.5), (0.5, 0.5)])
    (z,) = np.unique(np.argwhere(case.session.annotation.labels)[:, 0])
    assert (case.session.annotation.labels[z, :, 4:28] == 3).all()
    assert case.session.annotation.annotated == 28 * 24


def test_the_prediction_hides_while_a_key_is_held_and_can_be_an_outline(viewer, shown, qtbot):
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.keyPress(canvas, Qt.Key.Key_H)
    assert not shown.prediction.visible
    qtbot.keyRelease(canvas, Qt.Key.Key_H)
    assert shown.prediction.visible
    qtbot.keyClick(canvas, Qt.Key.Key_O)
    assert shown.prediction.contour == 1
    qtbot.keyClick(canvas, Qt.Key.Key_O)
    assert shown.prediction.contour == 0


@given(seed=st.integers(0, 999), steps=st.integers(1, 4))
def test_what_a_stroke_changed_is_found_whatever_its_steps(seed: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    before = rng.integers(0, 3, (6, 7, 8)).astype(np.uint8)
    layer = Labels(before.copy())
    layer.brush_size = 3
    layer.n_edit_dimensions = 3
    strokes: list[object] = []
    layer.events.paint.connect(lambda event: strokes.append(event.value))
    with layer.block_history():
        for _ in range(steps):
            at = tuple(int(rng.integers(n)) for n in before.shape)
            label = int(rng.integers(4))
            if rng.random() < 0.5:
                layer.paint(at, label)
            else:
                layer.data_setitem(tuple(np.array([i]) for i in at), label)
    if not strokes:
        return
    where, old, new = changes(strokes[0], before.shape)
    assert np.array_equal(np.unique(where), where)
    np.testing.assert_array_equal(old, before.reshape(-1)[where])
    np.testing.assert_array_equal(new, layer.data.reshape(-1)[where])
    rest = np.delete(np.arange(before.size), where)
    np.testing.assert_array_equal(before.reshape(-1)[rest], layer.data.reshape(-1)[rest])
