"""Images as they come: channels, frames, number types, rotations; the user's layers stay."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace

import dask.array as da
import numpy as np
import psutil
import pytest
import tifffile
from napari import Viewer
from napari.layers import Image
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt

from napari_densify.cases.choice import Choice
from napari_densify.cases.formats import write_volume
from napari_densify.cases.plane import ORIENTATIONS, Plane
from napari_densify.cases.summary import list_cases
from napari_densify.cases.volume import Volume
from napari_densify.ui.picked import ROLE, alike
from napari_densify.ui.segment import SegmentWidget

from .conftest import LONG, drag, paint_under_the_mouse, phantom
from .test_painting import agrees
from .test_projects import clear, close, dock_in


def check_channel(dock: SegmentWidget, row: int, on: bool) -> None:
    state = Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
    dock.choice.inputs.channels.item(row).setCheckState(state)


def annotate(dock: SegmentWidget, qtbot: object) -> None:
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()


def as_found(layer: Image) -> dict[str, object]:
    """Everything of a layer that a user can see or set."""
    _, state, _ = layer.as_layer_data_tuple()
    return {"mode": layer.mode, "unique": layer.unique_id, **state}


def test_nothing_is_asked_of_a_plain_volume(viewer, open_dock):
    viewer.add_image(phantom()[0], name="plain")
    dock = open_dock()
    assert not dock.choice.inputs.isVisibleTo(dock)
    viewer.add_image(phantom()[0][:10], name="another grid")
    viewer.add_image(phantom()[0], name="elsewhere", translate=(1, 0, 0))
    assert not dock.choice.inputs.isVisibleTo(dock)


def test_another_image_on_the_same_grid_is_no_channel_unless_that_is_said(viewer, open_dock):
    for name in "ab":
        viewer.add_image(phantom()[0], name=name)
    dock = open_dock()
    for name in "bab":
        dock.choice.image.value = viewer.layers[name]
        assert [layer.name for layer in dock.choice.picked().layers] == [name]


def test_a_flat_image_may_be_opened_beside_a_volume(viewer, open_dock):
    """A section or a photograph: it is no channel, and nothing breaks because it is there."""
    volume = viewer.add_image(phantom()[0], name="volume")
    dock = open_dock()
    viewer.add_image(phantom()[0][0], name="section")
    viewer.add_image(np.zeros((28, 32, 3), np.uint8), name="photograph", rgb=True)
    dock.choice.setValue(volume)
    assert dock.choice.picked().layers == (volume,)
    assert not dock.choice.inputs.isVisibleTo(dock)


def test_channels_stay_as_they_were_chosen_when_a_layer_is_renamed(viewer, open_dock):
    viewer.add_image(np.stack([phantom()[0]] * 3), name="three")
    other = viewer.add_image(phantom()[0], name="other")
    dock = open_dock()
    dock.choice.image.value = viewer.layers["three"]
    check_channel(dock, 2, False)
    assert dock.choice.picked().choice.channels == (0, 1)
    other.name = "renamed"
    assert dock.choice.picked().choice.channels == (0, 1)


def test_voxels_that_a_tiff_names_and_its_reader_overlooked_are_told(
    viewer: Viewer, open_dock: Callable[[], SegmentWidget], qtbot, tmp_path
):
    file, size = tmp_path / "cells.tif", (2.0, 0.5, 0.5)
    write_volume(file, Volume(phantom()[0], size, unit="micrometer"))
    viewer.open(str(file), plugin="napari")
    dock = open_dock()
    annotate(dock, qtbot)
    told = str(notification_manager.records[-1].message)
    assert "scale = (2, 0.5, 0.5)" in told
    with qtbot.waitSignal(dock.caseClosed, timeout=LONG):
        dock.project.close_case.trigger()
    exec(re.search(r"viewer\.layers.* = \([^)]*\)", told)[0], {"viewer": viewer})
    before = len(notification_manager.records)
    annotate(dock, qtbot)
    assert dock.case.session.volume.spacing == size
    assert not any("names other" in str(r.message) for r in notification_manager.records[before:])
    case, image = dock.case, viewer.layers["cells"]
    viewer.reset_view()
    viewer.dims.set_current_step(0, 7)
    paint_under_the_mouse(viewer, case, qtbot)
    dock.planes.orthogonal.setChecked(True)
    copies = list(case.layers.annotation_copies)
    assert len(copies) == 3
    for layer in copies:
        assert layer.units == image.units
        for corner in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)):
            assert layer.data_to_world(corner) == image.data_to_world(corner)


def test_layers_on_one_grid_are_channels_and_come_back_from_their_files(
    viewer: Viewer, open_dock: Callable[[], SegmentWidget], qtbot, tmp_path
):
    image, truth = phantom()
    for name, data in (("a", image), ("b", (1000 * image).astype(np.int16))):
        tifffile.imwrite(tmp_path / f"{name}.tif", data)
        viewer.open(str(tmp_path / f"{name}.tif"), plugin="napari")
    dock = open_dock()
    dock.choice.image.value = viewer.layers["a"]
    assert dock.choice.inputs.isVisibleTo(dock)
    before = [as_found(layer) for layer in viewer.layers]
    check_channel(dock, 1, True)
    annotate(dock, qtbot)
    session = dock.case.session
    assert session.volume.channels.shape == (2, *truth.shape)
    dock.case.annotation.data_setitem(tuple(np.array([[3], [4], [5]])), 2)
    qtbot.waitUntil(agrees(dock.case), timeout=LONG)
    close(dock)
    for layer, found in zip(("a", "b"), before, strict=True):
        np.testing.assert_equal(as_found(viewer.layers[layer]), found)
    # Without a choice it goes on with the channels of the project.
    check_channel(dock, 1, False)
    annotate(dock, qtbot)
    assert dock.case.session.volume.channels.shape[0] == 2
    assert [layer.name for layer in dock.choice.picked().layers] == ["a", "b"]
    close(dock)
    clear(viewer)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.open_project(tmp_path / "a.densify")
    again = dock.case.session
    np.testing.assert_array_equal(again.volume.data, session.volume.data)
    assert [layer.name for layer in viewer.layers][1:3] == ["a", "b"]
    assert again.annotation.labels[3, 4, 5] == 2
    assert [layer.name for layer in dock.choice.picked().layers] == ["a", "b"]


def test_a_channel_axis_and_colours_offer_their_channels(viewer, open_dock, qtbot):
    image = phantom()[0]
    viewer.add_image(np.stack([image, image + 1, image + 2]), name="stains")
    dock = open_dock()
    assert [dock.choice.inputs.axes.itemText(i) for i in range(2)] == ["channels", "time"]
    assert dock.choice.inputs.channels.count() == 3
    check_channel(dock, 0, False)
    annotate(dock, qtbot)
    np.testing.assert_array_equal(dock.case.session.volume.data, [image + 1, image + 2])
    assert dock.case.annotation.data.shape == image.shape
    viewer.dims.set_current_step(0, 2)
    assert dock.case.annotation.visible, "it is of all channels"
    close(dock)
    clear(viewer)
    colours = (255 * np.stack([image, image, image, image], -1).clip(0, 1)).astype(np.uint8)
    viewer.add_image(colours, name="histology", rgb=True)
    dock.choice.image.value = viewer.layers["histology"]
    assert not dock.choice.inputs.axes.isVisibleTo(dock)
    assert [dock.choice.inputs.channels.item(i).text() for i in (0, 3)] == ["red", "alpha"]
    annotate(dock, qtbot)
    assert dock.case.session.volume.channels.shape == (3, *image.shape)
    for row in range(4):
        check_channel(dock, row, False)
    close(dock)
    dock.choice.annotate.click()
    assert "check at least one" in str(notification_manager.records[-1].message)


def test_each_frame_of_a_series_is_a_case(viewer, open_dock, qtbot, tmp_path):
    image = phantom()[0]
    frames = np.stack([image + t for t in range(6)])
    tifffile.imwrite(
        tmp_path / "cells.tif", frames, imagej=True, metadata={"axes": "TZYX", "spacing": 2.0}
    )
    layer = viewer.open(str(tmp_path / "cells.tif"), plugin="napari")[0]
    before = as_found(layer)
    dock = open_dock()
    assert dock.choice.inputs.axes.currentText() == "time"
    viewer.dims.set_current_step(0, 4)
    assert dock.choice.inputs.frame.text() == "4 of 0 … 5, as the viewer shows it"
    annotate(dock, qtbot)
    case, edits = dock.case, []
    np.testing.assert_array_equal(case.session.volume.data, image + 4)
    assert case.annotation.name == "cells frame 4 annotation"
    case.session.edited.connect(edits.append)
    viewer.dims.set_current_step(1, 7)
    drag(viewer, qtbot, [(0.45, 0.5), (0.5, 0.5)])
    qtbot.waitUntil(lambda: bool(edits), timeout=LONG)
    assert edits[0].plane(image.shape) == Plane(0, 7)
    viewer.dims.set_current_step(0, 3)
    assert not case.annotation.visible
    assert not case.prediction.visible
    drag(viewer, qtbot, [(0.45, 0.4), (0.5, 0.4)])
    close(dock)
    assert len(edits) == 1, "what is not seen is not painted on"
    annotate(dock, qtbot)
    np.testing.assert_array_equal(dock.case.session.volume.data, image + 3)
    assert dock.case.session.annotation.annotated == 0
    viewer.dims.set_current_step(0, 4)
    assert case.annotation.visible
    assert not dock.case.annotation.visible
    dock.overlays.weights.setChecked(True)
    assert not dock.case.weights.layer.visible, "it is of another frame"
    viewer.dims.set_current_step(0, 3)
    assert dock.case.weights.layer.visible
    viewer.dims.set_current_step(0, 4)
    dock.overlays.weights.setChecked(False)
    close(dock)
    np.testing.assert_equal(as_found(layer), before)
    clear(viewer)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.open_project(tmp_path / "cells-frame0004.densify")
    assert dock.case.session.volume.choice == Choice("tzyx", (), 4)
    assert dock.case.session.annotation.annotated > 0
    assert dock.case.annotation.visible
    assert viewer.dims.current_step[0] == 4
    viewer.dims.set_current_step(0, 2)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.next_case(dock.case.image)
    further = tmp_path / "cells-frame0004.densify" / "cases" / "cells-frame0002.densify"
    assert dock.case.session.project.path == further
    names = [entry.name for entry in list_cases(tmp_path / "cells-frame0004.densify")]
    assert names == ["cells.tif frame 4", "cells.tif frame 2"]


def test_which_channels_a_project_has_is_shown(viewer, open_dock, qtbot):
    image = phantom()[0]
    layer = viewer.add_image(np.stack([[image + t, -image, image * t] for t in range(4)]))
    viewer.add_image(image, name="another")
    dock = open_dock()
    dock.choice.image.value = layer
    check_channel(dock, 1, False)
    annotate(dock, qtbot)
    dock.case.annotation.data_setitem(tuple(np.array([[3], [4], [5]])), 2)
    qtbot.waitUntil(agrees(dock.case), timeout=LONG)
    folder = dock.case.session.project.path
    chosen = dock.choice.picked()
    close(dock)
    dock.choice.image.value = viewer.layers["another"]
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.open_project(folder)
    assert dock.choice.picked() == chosen


def test_a_frame_that_was_a_volume_of_its_own_goes_on_in_its_series(viewer, open_dock, qtbot):
    frames = np.stack([phantom()[0] + t for t in range(6)])
    viewer.add_image(frames[3], name="alone")
    dock = open_dock()
    dock.opening.ask = lambda sentence: None
    annotate(dock, qtbot)
    dock.case.annotation.data_setitem(tuple(np.array([[3], [4], [5]])), 2)
    qtbot.waitUntil(agrees(dock.case), timeout=LONG)
    close(dock)
    clear(viewer)
    layer = viewer.add_image(frames, name="series")
    viewer.dims.set_current_step(0, 3)
    dock.choice.image.value = layer
    annotate(dock, qtbot)
    assert dock.case.image is layer
    assert dock.case.session.volume.choice == Choice("tzyx", (), 3)
    assert dock.case.session.annotation.labels[3, 4, 5] == 2


@pytest.mark.parametrize("dtype", ["uint8", "uint64", "float16"])
def test_number_types_and_what_is_no_number(viewer, open_dock, qtbot, dtype):
    image = (phantom()[0] * 5).clip(0, 15)
    image = image.astype(dtype)  # uint8: 4 bits in use
    if dtype == "uint64":
        image += np.uint64(2**63)
    if dtype == "float16":
        image[2, 3, 4] = np.nan
    kept = image.copy()
    viewer.add_image(da.from_array(image), name="any", contrast_limits=(0, 15))
    dock = open_dock()
    annotate(dock, qtbot)
    np.testing.assert_array_equal(dock.case.session.volume.data, kept)
    said = " ".join(str(r.message) for r in notification_manager.records)
    assert ("1 values of “any” are NaN or infinite" in said) == (dtype == "float16")


def test_an_image_that_memory_lacks_for_is_opened_and_says_so(
    viewer, open_dock, qtbot, monkeypatch
):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1000))
    viewer.add_image(phantom()[0], name="much")
    annotate(open_dock(), qtbot)
    said = [str(record.message) for record in notification_manager.records]
    assert any("memory once all of “much” is predicted" in sentence for sentence in said)


TURNS = {
    "flipped": np.diag([-2.0, 1, -1]),
    "turned about z": np.array([[2, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]]) @ np.diag([1, 1, -1]),
}


@pytest.mark.parametrize("turn", TURNS)
def test_a_stroke_on_a_turned_image_lands_on_the_voxels_under_it(viewer, open_case, qtbot, turn):
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = TURNS[turn], (5, -7, 9)
    case = open_case(affine=affine)
    assert case.session.volume.spacing == pytest.approx((2, 1, 1))
    layer = viewer.layers["phantom"]
    assert (case.image is layer) == (turn == "flipped"), "at an angle it is shown by another layer"
    np.testing.assert_allclose(layer.affine.affine_matrix, affine)
    case.session.edited.connect((edits := []).append)
    for orientation, axis in ORIENTATIONS.items():
        case.dock.planes.setValue(orientation)
        viewer.dims.set_point(axis, case.annotation.data_to_world((11, 12, 13))[axis])
        centre = np.delete(case.annotation.data_to_world((12, 14, 16)), axis)
        viewer.camera.center = (0, *centre)
        edits.clear()
        drag(viewer, qtbot, [(0.48, 0.46), (0.52, 0.54)])
        qtbot.waitUntil(lambda: bool(edits), timeout=LONG)
        # A busy machine may leave out parts of the mouse's way.
        under = np.insert(centre, axis, viewer.dims.point[axis])
        where = np.array(np.unravel_index(edits[0].where, case.annotation.data.shape))
        assert set(where[axis]) == {11 + axis}
        off = np.abs(where.mean(axis=1) - case.annotation.world_to_data(under))
        assert (off < 4).all()
    dock = case.dock
    close(dock)
    dock.choice.image.value = layer
    annotate(dock, qtbot)
    assert dock.case.annotation is case.annotation, "it is found again"


def test_thick_slices(viewer, open_case, qtbot):
    case = open_case(phantom()[0][:9], scale=(20, 1, 1))
    for axis in range(3):
        plane = Plane(axis, 4)
        case.annotation.data_setitem(
            np.unravel_index(
                plane.voxels(np.ones_like(plane.take(case.annotation.data), bool), (9, 28, 32)),
                (9, 28, 32),
            ),
            1 + (axis > 1),
        )
    qtbot.waitUntil(
        lambda: case.session.status.complete and case.session.status.steps > 3, timeout=LONG
    )
    assert (case.session.prediction > 0).all()
    assert dock_in(viewer) is case.dock


@pytest.mark.parametrize("slices", [1, 2])
def test_a_few_slices_are_segmented_too(viewer, open_case, qtbot, slices):
    image, truth = (a[12 : 12 + slices] for a in phantom())
    case = open_case(image)
    case.annotation.data_setitem(np.nonzero(truth == 1), 2)
    case.annotation.data_setitem((np.zeros(20, int), np.full(20, 25), np.arange(20)), 1)
    qtbot.waitUntil(lambda: case.session.status.steps > 3, timeout=LONG)
    qtbot.waitUntil(lambda: bool(case.session.prediction.all()), timeout=LONG)
    assert set(np.unique(case.session.prediction)) == {1, 2}


def test_what_shows_an_image_straight_stands_for_it_and_is_offered_to_no_other():
    theirs, ours, another = (Image(np.zeros((4, 5, 6))) for _ in range(3))
    ours.metadata[ROLE] = ("straight", theirs.unique_id, None)
    assert alike(ours, [theirs, another, ours]) == [ours, another], "in its place"
    assert alike(ours, [another, ours]) == [another, ours]
    assert alike(theirs, [theirs, another, ours]) == [theirs, another]


def test_channels_at_an_angle_are_gone_on_with(viewer, open_dock, qtbot):
    image, affine = phantom()[0], np.eye(4)
    affine[:3, :3] = TURNS["turned about z"]
    layers = [viewer.add_image(image * k, name=f"stain {k}", affine=affine) for k in (1, 2)]
    dock = open_dock()
    dock.choice.setValue(layers[0])
    check_channel(dock, 1, True)
    annotate(dock, qtbot)
    dock.case.annotation.data_setitem(tuple(np.array([[3], [4], [5]])), 2)
    qtbot.waitUntil(agrees(dock.case), timeout=LONG)
    volume, folder = dock.case.session.volume, dock.case.session.project.path
    close(dock)
    assert dock.choice.value() is dock.choice.picked().layers[0] is not layers[0]
    annotate(dock, qtbot)
    np.testing.assert_array_equal(dock.case.session.volume.data, volume.data)
    assert dock.case.session.project.path == folder
    assert dock.case.session.annotation.annotated == 1
