"""What is shown over the image on request, by real keys in a real window."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt

from napari_densify.cases.box import Box
from napari_densify.cases.plane import Plane
from napari_densify.session.news import Block
from napari_densify.session.provenance import (
    ACCEPTED,
    CORRECTED,
    NETWORK,
    PAINTED,
    provenance,
)

from .conftest import LONG, paint_slice, phantom
from .test_slices import press


def test_keys_show_uncertainty_and_weights_and_fade_the_prediction(viewer, open_case, qtbot):
    case = open_case(scale=(2, 1, 1))
    boxes = case.dock.overlays
    for axis in range(3):
        paint_slice(case, Plane(axis, 12), phantom()[1])
    qtbot.waitUntil(lambda: case.session.uncertainty.any(), timeout=LONG)
    for key, overlay, box in (
        (Qt.Key.Key_U, case.uncertainty, boxes.uncertainty),
        (Qt.Key.Key_W, case.weights, boxes.weights),
    ):
        press(viewer, qtbot, key)
        assert overlay.layer in viewer.layers
        assert overlay.shown
        assert box.isChecked()
        assert viewer.layers.selection.active is case.annotation
        np.testing.assert_array_equal(overlay.layer.scale, case.image.scale)
        press(viewer, qtbot, key)
        assert not overlay.shown
        assert not box.isChecked()
    assert case.uncertainty.layer.data is case.session.uncertainty
    assert not case.session.uncertainty[case.annotation.data > 0].any()
    case.prediction.opacity = 0.5
    for key, opacity in ((Qt.Key.Key_Comma, 0.4), (Qt.Key.Key_Period, 0.5)):
        press(viewer, qtbot, key)
        assert case.prediction.opacity == opacity
    for _ in range(9):
        press(viewer, qtbot, Qt.Key.Key_Comma)
    assert case.prediction.opacity == 0.1


def test_provenance_says_whose_a_label_is(viewer, open_case, qtbot):
    case = open_case()
    case.train(False)
    boxes = case.dock.overlays
    truth = phantom()[1]
    labels = (truth + 1).astype(np.uint8)
    show = Block(Box((0, 0, 0), truth.shape), labels, np.full(truth.shape, 9, np.uint8))
    assert not boxes.legend.isVisible()
    paint_slice(case, Plane(0, 12), truth)
    case.session.take(show)
    press(viewer, qtbot, Qt.Key.Key_Y)
    assert boxes.provenance.isChecked()
    data = case.provenance.layer.data
    qtbot.waitUntil(lambda: bool(data.any()) and not case.provenance._filling, timeout=LONG)
    assert (data[12] == PAINTED).all()
    assert (data[11] == np.where(truth[11], NETWORK, 0)).all()
    assert "corrected" not in boxes.legend.text()
    assert viewer.layers.selection.active is case.annotation
    viewer.dims.set_point(0, 9)
    with qtbot.waitSignal(case.session.edited, timeout=LONG):
        case.annotation.data_setitem((np.array([9]), np.array([10]), np.array([10])), 1)
    assert data[9, 10, 10] == CORRECTED
    assert "corrected in round 0" in boxes.legend.text()
    with qtbot.waitSignal(case.session.edited, timeout=LONG):
        press(viewer, qtbot, Qt.Key.Key_A)
    assert data[9, 0, 0] == ACCEPTED
    later = case.session.prediction.copy()
    later[5:8] = 2
    case.session.take(Block(show.box, later, show.uncertainty))
    assert (data[6] == NETWORK).all()
    np.testing.assert_array_equal(
        data, provenance(case.session.annotation.marks, case.session.prediction)
    )


def test_what_is_drawn_follows_the_prediction(viewer, open_case, qtbot):
    case = open_case()
    case.dock.overlays.uncertainty.setChecked(True)
    layer = case.uncertainty.layer
    for axis in range(3):
        paint_slice(case, Plane(axis, 12), phantom()[1])
    viewer.dims.set_point(0, 9)
    qtbot.waitUntil(lambda: layer._slice.image.raw.max() > 0, timeout=LONG)
    viewer.layers.remove(layer)
    assert not case.dock.overlays.uncertainty.isChecked()
