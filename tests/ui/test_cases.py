"""From one case to the next and back, in a real window."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari import Viewer
from napari.components import ViewerModel
from napari.layers import Labels, Layer
from napari.utils.notifications import notification_manager
from napari_orthogonal_views import OrthoViewWidget
from qtpy.QtWidgets import QApplication, QWidget

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.formats import write_volume
from napari_densify.cases.place import cases_of
from napari_densify.cases.plane import Plane
from napari_densify.cases.volume import Volume
from napari_densify.session.news import Phase
from napari_densify.ui.segment import SegmentWidget
from napari_densify.ui.side_by_side import orthogonal_views
from napari_densify.ui.snapshots import show_differences
from napari_densify.ui.view import show_plane

from .conftest import LONG, drag, paint_slice, phantom
from .test_painting import agrees


@pytest.fixture
def dock(viewer: Viewer, open_dock, tmp_path: Path, qtbot) -> SegmentWidget:
    """A window with two images, the first one painted in and learned from."""
    image, truth = phantom()
    names = [tmp_path / "first.tif", tmp_path / "second.tif"]
    tifffile.imwrite(names[0], image)
    tifffile.imwrite(names[1], (image[:, ::-1] * 3 + 50))
    viewer.open([str(n) for n in names], stack=False, plugin="napari")
    dock = open_dock()
    dock.choice.setValue(viewer.layers["first"])
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    for plane in (Plane(0, 12), Plane(1, 14), Plane(2, 16)):
        paint_slice(dock.case, plane, truth)
    qtbot.waitUntil(lambda: dock.case.session.status.steps > 5, timeout=LONG)
    dock.case.train(False)
    qtbot.waitUntil(lambda: dock.case.session.status.complete, timeout=LONG)
    return dock


def choose(dock: SegmentWidget, name: str) -> None:
    """What a click on the button and on an entry of its menu does."""
    dock.cases.menu.aboutToShow.emit()
    entries = {action.text(): action for action in dock.cases.menu.actions()}
    assert "first" not in entries or dock.case.image.name != "first"
    entries[name].trigger()


def states(dock: SegmentWidget) -> dict[str, str]:
    return {name: state for name, state, *_ in dock.cases.value()}


def test_the_next_case_is_predicted_corrected_and_left_again(
    dock: SegmentWidget, viewer: Viewer, tmp_path: Path, qtbot
) -> None:
    truth = phantom()[1][:, ::-1]
    dock.cases.expand(animate=False)
    first = dock.case
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        choose(dock, "second")
    case = dock.case
    assert case.image.name == "second"
    assert not first.image.visible
    assert not first.annotation.visible
    assert cases_of(tmp_path / "first.densify") == [
        tmp_path / "first.densify",
        tmp_path / "first.densify" / "cases" / "second.densify",
    ]
    dock.case.train(False)
    qtbot.waitUntil(
        lambda: case.session.status.phase == Phase.PAUSED and case.session.status.complete,
        timeout=LONG,
    )
    found = case.prediction.data == 2
    assert 2 * (found & (truth > 0)).sum() / (found.sum() + truth.sum()) > 0.5
    drag(viewer, qtbot, [(0.45, 0.5), (0.55, 0.5)])
    qtbot.waitUntil(lambda: case.session.annotation.annotated > 0, timeout=LONG)
    assert case.session.annotation.round == 1
    case.train(True)
    steps = case.session.status.steps
    qtbot.waitUntil(lambda: case.session.status.steps > steps + 2, timeout=LONG)
    dock.cases.mark.setCurrentIndex(dock.cases.mark.findData("done"))
    dock.cases.mark.activated.emit(2)
    wanted = {"first.tif": "painted", "second.tif": "done"}
    qtbot.waitUntil(lambda: states(dock) == wanted, timeout=LONG)
    row = dock.cases.list.topLevelItem(0)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.cases.list.itemDoubleClicked.emit(row, 0)
    assert dock.case.image.name == "first"
    assert dock.case.image.visible
    assert not case.image.visible
    np.testing.assert_array_equal(dock.case.annotation.data, dock.case.session.annotation.labels)
    assert len(dock.case.session.orders.others) == 1
    assert dock.case.session.orders.model is not None


def test_a_file_becomes_the_next_case_and_one_that_does_not_fit_is_refused(
    dock: SegmentWidget, viewer: Viewer, tmp_path: Path, qtbot
) -> None:
    tifffile.imwrite(tmp_path / "third.tif", phantom()[0] - 1)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.next_case(tmp_path / "third.tif")
    assert dock.case.image.name == "third"
    dock.close_case()
    np.save(tmp_path / "flat.npy", np.zeros((4, 5)))
    with qtbot.waitSignal(dock.opening.failed, timeout=LONG):
        dock.opening.add(tmp_path / "first.densify", tmp_path / "flat.npy")
    assert "choose another file" in dock.progress.phase.text()


def test_who_is_refused_another_case_is_where_they_were_and_told_why(
    dock: SegmentWidget, viewer: Viewer, tmp_path: Path, qtbot
) -> None:
    np.save(tmp_path / "flat.npy", np.zeros((4, 5)))
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        choose(dock, "second")
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.go_to_case(tmp_path / "first.densify")
    first, other = tmp_path / "first.densify", cases_of(tmp_path / "first.densify")[1]
    layers, annotation = set(viewer.layers), dock.case.annotation
    dock.planes.setValue("xz")
    viewer.dims.set_point(1, 9)
    dock.case.pick(1)
    painted = dock.case.session.annotation.marks
    (tmp_path / "empty.densify").mkdir()
    viewer.layers.remove("second")
    (tmp_path / "second.tif").unlink()
    dock.opening.ask = lambda sentence: None
    for ask, why, held in (
        (lambda: dock.next_case(tmp_path / "flat.npy"), "choose another file", True),
        (lambda: dock.go_to_case(other), "is not where it was", True),
        (lambda: dock.open_project(tmp_path / "empty.densify"), "is not a Densify project", False),
    ):
        notification_manager.records.clear()
        with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
            ask()
            assert annotation.visible, "nothing is hidden before there is something else to see"
            assert annotation.editable != held, "nothing would keep what is painted now"
        assert annotation.editable
        assert why in str(notification_manager.records[0].message)
        assert dock.case.session.project.path == first
        assert dock.case.annotation is annotation
        assert all(each.visible for each in (annotation, dock.case.image, dock.case.prediction))
        assert viewer.layers.selection.active is annotation
        np.testing.assert_array_equal(dock.case.session.annotation.marks, painted)
        assert viewer.dims.order == (1, 0, 2)
        assert viewer.dims.point[1] == 9
        assert annotation.selected_label == 1
        assert len(viewer.layers) == len(layers) - 1
    assert cases_of(first) == [first, other]


def test_a_project_that_cannot_be_gone_back_to_is_not_tried_for_ever(
    dock: SegmentWidget, tmp_path: Path, qtbot
) -> None:
    failed: list[Exception] = []
    dock.opening.failed.connect(failed.append)
    dock.next_case(tmp_path / "gone.npy")
    shutil.rmtree(tmp_path / "first.densify")
    qtbot.waitUntil(lambda: len(failed) == 2, timeout=LONG)
    assert "is not a Densify project" in dock.progress.phase.text()
    assert dock.choice.isEnabled()


def test_a_further_case_is_gone_on_with_by_annotate(
    dock: SegmentWidget, viewer: Viewer, open_dock, tmp_path: Path, qtbot
) -> None:
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        choose(dock, "second")
    folder = dock.case.session.project.path
    paint_slice(dock.case, Plane(0, 12), phantom()[1])
    qtbot.waitUntil(agrees(dock.case), timeout=LONG)
    layer, loop = dock.case.annotation, dock.case.loop
    dock.close_case()
    assert loop.wait(30)
    layer.data_setitem(tuple(np.array([[1], [2], [3]])), 2)  # as napari alone would
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    assert dock.case.session.project.path == folder
    assert dock.case.annotation is layer
    qtbot.waitUntil(agrees(dock.case), timeout=LONG)
    assert dock.case.session.annotation.labels[1, 2, 3] == 2
    loop = dock.case.loop
    dock.close_case()
    assert loop.wait(30)
    viewer.layers.remove(layer)  # as in another window
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    assert dock.case.session.project.path == folder
    assert not (tmp_path / "second.densify").exists()


def painted_and_closed(dock: SegmentWidget, qtbot) -> np.ndarray:
    """Paint a slice and close the case; what the annotation layer then shows."""
    paint_slice(dock.case, Plane(0, 12), phantom()[1])
    qtbot.waitUntil(agrees(dock.case), timeout=LONG)
    painted, loop = dock.case.annotation.data.copy(), dock.case.loop
    dock.close_case()
    assert loop.wait(30)
    return painted


def begun_anew(dock: SegmentWidget, project: Path, painted: np.ndarray, qtbot) -> Labels:
    """Annotate “second” in an empty project; the layer that still has what was painted before."""
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    assert dock.case.session.project.path == project
    assert dock.case.session.annotation.annotated == 0
    before = dock.viewer.layers["second annotation (before)"]
    np.testing.assert_array_equal(before.data, painted)
    return before


def test_what_was_painted_in_a_project_that_is_gone_stays_in_the_window(
    dock: SegmentWidget, viewer: Viewer, tmp_path: Path, qtbot
) -> None:
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        choose(dock, "second")
    painted = painted_and_closed(dock, qtbot)
    shutil.rmtree(tmp_path / "first.densify")
    before = begun_anew(dock, tmp_path / "second.densify", painted, qtbot)
    assert before is not dock.case.annotation


def test_nothing_that_was_shown_over_a_case_lies_over_the_next_one(
    dock: SegmentWidget, viewer: Viewer, qtbot
) -> None:
    then = dock.case.session.annotation
    show_differences(dock.case, Annotation(then.shape))
    dock.overlays.uncertainty.setChecked(True)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        choose(dock, "second")
    shown = {layer.name for layer in viewer.layers if layer.visible}
    assert shown == {"second", "second prediction", "second annotation", "second uncertainty"}


@pytest.mark.parametrize("kept", [True, False])
def test_what_was_painted_stays_though_the_project_begins_anew_in_the_same_place(
    dock: SegmentWidget, viewer: Viewer, tmp_path: Path, qtbot, kept: bool
) -> None:
    dock.close_case()
    dock.choice.setValue(viewer.layers["second"])
    if not kept:  # as the robot works
        dock.opening.place, place = lambda *_: None, dock.opening.place
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    painted = painted_and_closed(dock, qtbot)
    if kept:
        shutil.rmtree(tmp_path / "second.densify")
    else:
        dock.opening.place = place
    before = begun_anew(dock, tmp_path / "second.densify", painted, qtbot)
    assert not before.visible


def test_cases_are_listed_in_their_own_unit_and_a_wrong_one_is_told(
    viewer: Viewer, open_dock, qtbot
) -> None:
    image, truth = phantom()
    viewer.add_image(image, name="mm", units=["mm"] * 3)
    viewer.add_image(image[:, ::-1], name="um", units=["um"] * 3, scale=[1000] * 3)
    viewer.add_image(image[::-1] * 2, name="wrong", units=["um"] * 3)
    dock = open_dock()
    dock.choice.setValue(viewer.layers["mm"])
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    dock.case.train(False)
    paint_slice(dock.case, Plane(0, 12), truth)
    dock.cases.expand(animate=False)
    qtbot.waitUntil(lambda: any(row[-1] for row in dock.cases.value()), timeout=LONG)
    before = dock.cases.value()[0][-1]
    assert before.endswith(" ml")
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.next_case(viewer.layers["um"])
    qtbot.waitUntil(lambda: len(dock.cases.value()) == 2, timeout=LONG)
    assert dock.cases.value()[0][-1] == before
    with qtbot.waitSignal(dock.opening.failed, timeout=LONG):
        dock.next_case(viewer.layers["wrong"])
    assert "1,000 times smaller than the project's" in dock.progress.phase.text()


def canvases(viewer: Viewer) -> list[tuple[ViewerModel, QWidget]]:
    """The main canvas, and those beside it."""
    manager = orthogonal_views(viewer)
    found = [(viewer, viewer.window._qt_viewer)]
    for view in (manager.right_widget, manager.bottom_widget):
        if isinstance(view, OrthoViewWidget):
            found.append((view.vm_container.viewer_model, view.qt_viewer))
    return [(model, qt_viewer.canvas.native) for model, qt_viewer in found]


def fills(canvas: tuple[ViewerModel, QWidget], layer: Layer) -> bool:
    """Whether a layer is shown: as a whole, not much smaller than the canvas, and in its slice."""
    model, native = canvas
    corner, end = layer.extent.world
    shown = list(model.dims.displayed)
    size = np.array([native.height(), native.width()]) / model.camera.zoom
    from_middle = (layer.extent.world[:, shown] - model.camera.center[-2:]) / size
    sliced = (corner <= model.dims.point) & (model.dims.point <= end)
    return sliced.all() and np.abs(from_middle).max() < 0.5 and np.ptp(from_middle, 0).max() > 0.8


def test_a_case_that_lies_elsewhere_fills_the_canvas_and_those_beside_it(
    viewer: Viewer, open_dock, tmp_path: Path, qtbot
) -> None:
    image, truth = phantom()
    write_volume(tmp_path / "first.mha", Volume(image))
    write_volume(tmp_path / "second.mha", Volume(image[:, ::-1], origin=(80, -200, 150)))
    viewer.open(tmp_path / "first.mha", plugin="napari-densify")
    dock = open_dock()
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    first = dock.case
    paint_slice(first, Plane(0, 12), truth)
    qtbot.waitUntil(lambda: first.session.annotation.annotated > 0, timeout=LONG)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.next_case(tmp_path / "second.mha")
    second = dock.case.image
    assert fills(canvases(viewer)[0], second)
    show_plane(viewer, dock.case.annotation, Plane(1, 5))
    assert fills(canvases(viewer)[0], second)
    seen = viewer.camera.center, viewer.camera.zoom
    dock.planes.orthogonal.setChecked(True)
    main, *others = canvases(viewer)
    assert len(others) == 2
    assert (viewer.camera.center, viewer.camera.zoom) == seen
    qtbot.waitUntil(lambda: all(fills(each, second) for each in others), timeout=LONG)
    show_plane(viewer, dock.case.annotation, Plane(0, 5))
    assert all(fills(each, second) for each in (main, *others))
    for away in range(6, 12):
        viewer.dims.set_point(0, 80 + away)
        QApplication.processEvents()
    assert all(fills(each, second) for each in (main, *others))
    for orientation in ("yz", "xy"):
        dock.planes.setValue(orientation)
        assert fills(main, second)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.go_to_case(tmp_path / "first.densify")
    others = canvases(viewer)[1:]
    qtbot.waitUntil(lambda: all(fills(each, first.image) for each in others), timeout=LONG)
