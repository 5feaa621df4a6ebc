"""What the user paints becomes edits, whichever way they paint."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_densify.cases.plane import ORIENTATIONS, Plane
from napari_densify.ui.side_by_side import orthogonal_views

from .conftest import LONG, drag, paint_slice, phantom


def agrees(case):
    """Whether the session's annotation is what the layer shows."""
    return lambda: np.array_equal(case.session.annotation.labels, case.annotation.data)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_mouse_stroke_is_an_edit_on_the_viewed_plane(viewer, open_case, qtbot, orientation):
    case = open_case()
    case.dock.planes.setValue(orientation)
    viewer.reset_view()
    axis = ORIENTATIONS[orientation]
    viewer.dims.set_current_step(axis, 11)
    edits = []
    case.session.edited.connect(edits.append)
    drag(viewer, qtbot, [(0.45, 0.5), (0.5, 0.5), (0.55, 0.52)])
    qtbot.waitUntil(lambda: bool(edits), timeout=LONG)
    assert len(edits) == 1
    assert edits[0].plane(case.session.annotation.shape) == Plane(axis, 11)
    assert agrees(case)()
    assert ((case.session.weights() > 0) == (case.annotation.data > 0)).all()
    assert case.session.annotation.annotated > 3


def test_keys_pick_the_class(viewer, open_case, qtbot):
    case = open_case()
    canvas = viewer.window._qt_viewer.canvas.native
    for key, label in ((Qt.Key.Key_1, 1), (Qt.Key.Key_2, 2)):
        qtbot.keyClick(canvas, key)
        assert case.annotation.selected_label == label
        assert case.dock.classes.current() == label
        assert case.annotation.mode == "paint"


def test_undo_and_redo_bring_the_weights_back_exactly(open_case, qtbot):
    case = open_case()
    paint_slice(case, Plane(0, 12), phantom()[1])
    qtbot.waitUntil(agrees(case), timeout=LONG)
    before = case.session.weights()
    case.annotation.data_setitem(np.nonzero(case.annotation.data == 1), 2)
    qtbot.waitUntil(agrees(case), timeout=LONG)
    after = case.session.weights()
    assert not np.array_equal(before, after)
    for move, expected in ((case.annotation.undo, before), (case.annotation.redo, after)):
        move()
        qtbot.waitUntil(agrees(case), timeout=LONG)
        np.testing.assert_array_equal(case.session.weights(), expected)


def test_several_undos_in_one_breath_are_followed(open_case, qtbot):
    case = open_case()
    marks = []
    for position in (4, 8, 12):
        marks.append(case.session.annotation.marks.copy())
        paint_slice(case, Plane(0, position), phantom()[1])
        qtbot.waitUntil(agrees(case), timeout=LONG)
    for _ in range(4):
        case.annotation.undo()
    qtbot.waitUntil(agrees(case), timeout=LONG)
    np.testing.assert_array_equal(case.session.annotation.marks, marks[1])


def test_erasing_takes_the_weight_away(open_case, qtbot):
    case = open_case()
    paint_slice(case, Plane(1, 10), phantom()[1])
    qtbot.waitUntil(agrees(case), timeout=LONG)
    case.annotation.data_setitem(np.nonzero(case.annotation.data), 0)
    qtbot.waitUntil(agrees(case), timeout=LONG)
    assert case.session.annotation.annotated == 0
    assert not case.session.weights().any()


def test_what_other_code_writes_into_the_layer_is_found(open_case, qtbot):
    case = open_case()
    labels = case.annotation.data.copy()
    labels[3, 5:9, 5:9] = 2
    labels[:, 4, 2:6] = 1
    case.annotation.data = labels
    qtbot.waitUntil(agrees(case), timeout=LONG)
    assert case.session.annotation.annotated == (labels > 0).sum()


def test_painting_in_the_side_by_side_views(viewer, open_case, qtbot):
    case = open_case()
    case.dock.planes.orthogonal.setChecked(True)
    manager = orthogonal_views(viewer)
    qtbot.waitUntil(manager.is_shown, timeout=LONG)
    models = [v.vm_container.viewer_model for v in (manager.right_widget, manager.bottom_widget)]
    copies = [model.layers[case.annotation.name] for model in models]
    drawn, announced = [], []
    for layer in (case.annotation, *copies):
        layer.events.set_data.connect(lambda event: drawn.append(event.source))
    case.annotation.events.data.connect(announced.append)
    for model, copied in zip(models, copies, strict=True):
        axis = model.dims.not_displayed[0]
        viewer.dims.set_point(range(3), [6 + axis, 7 + axis, 8 + axis])
        drawn.clear()
        edits = []
        case.session.edited.connect(edits.append)
        before = case.session.annotation.annotated
        copied.selected_label = 2
        copied.paint([6 + axis, 7 + axis, 8 + axis], 2)
        qtbot.waitUntil(lambda e=edits: bool(e), timeout=LONG)
        case.session.edited.disconnect(edits.append)
        assert case.session.annotation.annotated > before
        assert edits[0].plane(case.session.annotation.shape) == Plane(axis, 6 + 2 * axis)
        # The other canvases show it, and nobody had to look at the whole volume for that.
        others = {case.annotation, *copies} - {copied}
        qtbot.waitUntil(lambda o=others: o <= set(drawn), timeout=LONG)
    assert not announced
    case.dock.planes.orthogonal.setChecked(False)
    assert agrees(case)()
    assert manager.h_splitter_bottom.isHidden()


def test_a_case_opened_side_by_side_is_drawn_there_too(viewer, open_dock, qtbot):
    viewer.add_image(phantom()[0], name="phantom")
    dock = open_dock()
    dock.planes.orthogonal.setChecked(True)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    case = dock.case
    manager = orthogonal_views(viewer)
    qtbot.waitUntil(manager.is_shown, timeout=LONG)
    assert not manager.h_splitter_bottom.isHidden()
    copied = manager.right_widget.vm_container.viewer_model.layers[case.annotation.name]
    announced, drawn = [], []
    case.annotation.events.data.connect(announced.append)
    copied.events.set_data.connect(drawn.append)
    viewer.dims.set_point(range(3), [12, 14, 16])
    drawn.clear()
    case.annotation.data_setitem((np.arange(24), np.full(24, 14), np.full(24, 16)), 1)
    qtbot.waitUntil(lambda: bool(drawn), timeout=LONG)
    assert not announced
