"""The dock as a user meets it: what it takes, what it refuses, how it ends."""

from __future__ import annotations

import os
import signal
import threading

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.utils.notifications import notification_manager

from napari_densify.cases.plane import Plane
from napari_densify.session.news import Phase
from napari_densify.session.process import WorkerProcess

from .conftest import LONG, paint_slice, phantom


def loops() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "densify-loop"]


def last_notification() -> str:
    return str(notification_manager.records[-1].message)


def test_three_slices_become_a_dense_prediction(viewer, open_case, qtbot):
    case = open_case()
    truth = phantom()[1]
    for axis, position in ((0, 12), (1, 12), (2, 14)):
        paint_slice(case, Plane(axis, position), truth)
    session = case.session
    qtbot.waitUntil(lambda: session.status.complete and session.status.steps > 20, timeout=LONG)
    assert (session.prediction > 0).all()
    assert case.prediction.data is session.prediction
    painted = session.annotation.labels > 0
    np.testing.assert_array_equal(session.prediction[painted], session.annotation.labels[painted])
    assert case.dock.progress._losses
    # Painting where it was wrong, after it was shown, is a correction that weighs more.
    wrong = np.argwhere((session.prediction != truth + 1) & ~painted)
    if len(wrong):
        where = tuple(wrong[:1].T)
        case.annotation.data_setitem(where, int(truth[where][0]) + 1)
        qtbot.waitUntil(lambda: session.annotation.round == 1, timeout=LONG)
        assert session.annotation.marks[where]["wrong"].all()


def test_pause_finishes_the_prediction_and_train_goes_on(open_case, qtbot):
    case = open_case()
    for axis in range(3):
        paint_slice(case, Plane(axis, 12), phantom()[1])
    status = lambda: case.session.status  # noqa: E731
    qtbot.waitUntil(lambda: status().steps > 3, timeout=LONG)
    case.dock.learning.train.click()
    assert case.dock.learning.train.text() == "Train"
    qtbot.waitUntil(lambda: status().phase == Phase.PAUSED and status().complete, timeout=LONG)
    steps = status().steps
    case.dock.learning.train.click()
    qtbot.waitUntil(lambda: status().steps > steps, timeout=LONG)


@pytest.mark.parametrize("kind", ["2-D", "6-D", "constant", "NaN"])
def test_unfit_images_are_refused_with_a_sentence(viewer, open_dock, qtbot, kind):
    flat = np.random.default_rng(0).random((12, 12, 12)).astype(np.float32)
    images = {
        "2-D": flat[0],
        "6-D": flat[None, None, None],
        "constant": np.zeros_like(flat),
        "NaN": np.full_like(flat, np.nan),
    }
    viewer.add_image(images[kind], name="bad")
    widget = open_dock()
    seen = len(notification_manager.records)
    widget.choice.annotate.click()
    qtbot.waitUntil(lambda: len(notification_manager.records) > seen, timeout=LONG)
    assert "bad" in last_notification()
    assert widget.progress.phase.text() == last_notification(), "there it is read to its end"
    assert widget.case is None
    assert widget.choice.annotate.isEnabled()
    assert len(viewer.layers) == 1


def test_no_image_at_all(open_dock, qtbot):
    widget = open_dock()
    widget.choice.annotate.click()
    assert "Open a 3-D image" in last_notification()


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr", "multiscale"])
def test_kinds_of_arrays(open_case, tmp_path, kind):
    image = phantom()[0]
    if kind == "dask":
        image = da.from_array(image, chunks=8)
    elif kind == "zarr":
        stored = zarr.create_array(tmp_path / "a.zarr", shape=image.shape, dtype=image.dtype)
        stored[:] = image
        image = stored
    elif kind == "multiscale":
        image = [image, image[::2, ::2, ::2]]
    case = open_case(image, multiscale=kind == "multiscale")
    np.testing.assert_array_equal(case.session.volume.data, phantom()[0])
    assert case.annotation.data.shape == phantom()[0].shape


def test_scale_is_the_spacing_and_the_layers_lie_on_the_image(open_case):
    case = open_case(scale=(3, 1, 0.5), translate=(10, 20, 30))
    assert case.session.volume.spacing == (3, 1, 0.5)
    for layer in (case.annotation, case.prediction):
        np.testing.assert_array_equal(layer.extent.world, case.image.extent.world)


def test_the_users_image_is_never_changed(open_case, qtbot):
    image, truth = phantom()
    case = open_case(image.copy())
    paint_slice(case, Plane(0, 12), truth)
    qtbot.waitUntil(lambda: case.session.status.steps > 3, timeout=LONG)
    np.testing.assert_array_equal(case.image.data, image)


def test_showing_the_weights(viewer, open_case, qtbot):
    case = open_case()
    paint_slice(case, Plane(0, 12), phantom()[1])
    case.dock.overlays.weights.setChecked(True)
    qtbot.waitUntil(lambda: case.weights.layer.data.any(), timeout=LONG)
    np.testing.assert_array_equal(case.weights.layer.data, case.session.weights())
    viewer.layers.remove(case.weights.layer)
    assert case.dock.case is case
    assert not case.dock.overlays.weights.isChecked()


@pytest.mark.parametrize("open_worker", [WorkerProcess])
def test_a_killed_worker_is_replaced_and_said(open_case, qtbot):
    case = open_case()
    for axis in range(3):
        paint_slice(case, Plane(axis, 12), phantom()[1])
    qtbot.waitUntil(lambda: case.session.status.steps > 5, timeout=LONG)
    lost = []
    case.session.worker_lost.connect(lost.append)
    os.kill(case.session.drive.link.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: bool(lost), timeout=LONG)
    assert "died" in last_notification()
    qtbot.waitUntil(
        lambda: case.session.status.phase == Phase.TRAINING and case.session.status.edits > 0,
        timeout=LONG,
    )


@pytest.mark.parametrize("layer", ["image", "annotation", "prediction"])
def test_removing_a_layer_ends_cleanly(viewer, open_case, qtbot, layer):
    case = open_case()
    paint_slice(case, Plane(0, 12), phantom()[1])
    dock = case.dock
    viewer.layers.remove(getattr(case, layer))
    assert dock.case is None
    says = dock.progress.phase.text()
    assert "Annotate to go on. What you painted is kept." in says
    assert ("open it again" in says) == (layer == "image")
    assert case.loop.wait(30)


def test_renaming_layers_does_no_harm(viewer, open_case, qtbot):
    case = open_case()
    for name, layer in (("a", case.image), ("b", case.annotation), ("c", case.prediction)):
        layer.name = name
    paint_slice(case, Plane(0, 12), phantom()[1])
    qtbot.waitUntil(lambda: case.session.status.steps > 2, timeout=LONG)
    assert [name for name, _ in case.dock.choice._images()] == ["a"]


def test_closing_the_dock_while_it_trains_and_coming_back(viewer, open_case, open_dock, qtbot):
    case = open_case()
    paint_slice(case, Plane(0, 12), phantom()[1])
    qtbot.waitUntil(lambda: case.session.status.steps > 2, timeout=LONG)
    viewer.window.remove_dock_widget(case.dock)
    assert case.loop.wait(30)
    assert case.annotation in viewer.layers
    again = open_dock()
    with qtbot.waitSignal(again.caseOpened, timeout=LONG):
        again.choice.annotate.click()
    assert again.case.annotation is case.annotation
    assert len(viewer.layers) == 3
    qtbot.waitUntil(lambda: again.case.session.annotation.annotated > 0, timeout=LONG)


def test_closing_the_viewer_while_it_trains(viewer, open_case, qtbot):
    case = open_case()
    paint_slice(case, Plane(0, 12), phantom()[1])
    qtbot.waitUntil(lambda: case.session.status.steps > 2, timeout=LONG)
    viewer.close()
    assert case.loop.wait(30)
    assert not loops()
