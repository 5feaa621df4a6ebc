"""What the user paints becomes edits, whichever way they paint."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_densify.cases.plane import ORIENTATIONS, Plane
from napari_densify.cases.problem import Problem
from napari_densify.ui.layers import REFRESH_MS
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
    labels = viewer.window._qt_window.findChildren(QLabel)
    told = [each.text() for each in labels if not each.isHidden()]
    assert not [each for each in told if each.startswith("Press T")], "T pauses learning"
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


def row(case, z, label=2):
    """Paint ten voxels of a slice, as a stroke does."""
    across = np.arange(10)
    case.annotation.data_setitem((np.full(10, z), across, across), label)


def test_undo_counts_while_the_layer_is_hidden(open_case, qtbot):
    case = open_case()
    row(case, 3)
    qtbot.waitUntil(agrees(case), timeout=LONG)
    case.annotation.visible = False
    row(case, 4)
    qtbot.waitUntil(agrees(case), timeout=LONG)
    assert case.session.annotation.annotated == 20
    case._annotation_bond.undo()
    assert agrees(case)()
    assert case.session.annotation.annotated == 10
    assert len(case.session.annotation.undone) == 1, "rounds and weights come back with redo"


def test_undo_of_a_stroke_before_another_plugin_wrote_counts(open_case, qtbot):
    case = open_case()
    row(case, 3)
    qtbot.waitUntil(agrees(case), timeout=LONG)
    labels = case.annotation.data.copy()
    labels[8, :4, :4] = 1
    with qtbot.waitSignal(case.session.edited, timeout=LONG):
        case.annotation.data = labels
    case._annotation_bond.undo()
    assert agrees(case)()
    assert case.session.annotation.annotated == 16


def test_a_refused_stroke_does_not_come_back_by_redo(open_case, qtbot):
    case = open_case()
    row(case, 5, 255)
    qtbot.waitUntil(lambda: not case.annotation.data.any(), timeout=LONG)
    case._annotation_bond.undo()
    case._annotation_bond.redo()
    assert not case.annotation.data.any()
    assert case.session.annotation.annotated == 0


def test_an_undo_that_cannot_be_kept_is_said_once_and_undone(open_case, qtbot, monkeypatch):
    case = open_case()
    row(case, 3)
    qtbot.waitUntil(agrees(case), timeout=LONG)

    def refuse(edit):
        raise Problem("The disk is full.")

    monkeypatch.setattr(case.session, "commit", refuse)
    told = len(notification_manager.records)
    case.annotation.undo()
    qtbot.waitUntil(lambda: len(notification_manager.records) > told, timeout=LONG)
    qtbot.waitUntil(agrees(case), timeout=LONG)
    case.annotation.refresh()
    qtbot.wait(5 * REFRESH_MS)
    assert len(notification_manager.records) == told + 1


def test_a_locked_class_draws_nothing_anew(open_case, qtbot):
    case = open_case()
    case.session.locked = frozenset({2})
    row(case, 3, 1)
    qtbot.waitUntil(agrees(case), timeout=LONG)
    drawn = []
    case.annotation.events.set_data.connect(drawn.append)
    case.annotation.refresh()
    qtbot.wait(5 * REFRESH_MS)
    assert len(drawn) == 1


def test_what_is_painted_as_it_closes_counts(open_case):
    case = open_case()
    row(case, 3)
    case.close()
    assert case.session.annotation.annotated == 10


def test_with_a_label_that_is_no_class_picked_it_closes_as_ever(open_case, qtbot):
    case = open_case()
    case.annotation.selected_label = 255
    with qtbot.waitSignal(case.ended, timeout=LONG):
        case.dock.close_case()
    assert case.dock.choice.isEnabled()


def test_keys_on_a_layer_that_stayed_behind_leave_the_open_case_alone(viewer, open_case, qtbot):
    case = open_case()
    dock, left = case.dock, case.annotation
    row(case, 3)
    qtbot.waitUntil(agrees(case), timeout=LONG)
    dock.close_case()
    viewer.add_image(phantom()[0] + 1, name="another")
    dock.choice.image.value = viewer.layers["another"]
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    row(dock.case, 3)
    qtbot.waitUntil(agrees(dock.case), timeout=LONG)
    viewer.layers.selection.active = left
    viewer.dims.set_current_step(0, 3)
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.keyClick(canvas, Qt.Key.Key_D)
    assert dock.case.session.annotation.annotated == 10
    assert "belongs to a case that is closed" in str(notification_manager.records[-1].message)


def test_layers_that_the_user_duplicated_stay_the_users(viewer, open_case, qtbot):
    case = open_case()
    dock = case.dock
    row(case, 3)
    qtbot.waitUntil(agrees(case), timeout=LONG)
    for name in ("annotation", "prediction"):
        layer = viewer.layers[f"phantom {name}"]
        viewer.layers.append(Labels.create(*layer.as_layer_data_tuple()))
        viewer.layers[-1].name = f"my {name}"
    dock.close_case()
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    names = [layer.name for layer in viewer.layers]
    assert {"my annotation", "my prediction"} <= set(names)
    assert names.count("phantom annotation") == names.count("phantom prediction") == 1
    assert dock.case.annotation is viewer.layers["phantom annotation"]


def test_canvases_side_by_side_go_with_the_dock(viewer, open_case) -> None:
    dock = open_case().dock
    dock.planes.orthogonal.click()
    manager = orthogonal_views(viewer)
    assert manager.is_shown()
    viewer.window.remove_dock_widget(dock.parentWidget())
    assert not orthogonal_views(viewer).is_shown()
