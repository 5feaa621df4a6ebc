"""A project as a whole: opened in every way, image moved, saved elsewhere, in versions."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari import Viewer
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox

from napari_densify.cases.oblique import ObliquePlane
from napari_densify.cases.plane import Plane
from napari_densify.ui.segment import SegmentWidget

from .conftest import LONG, phantom
from .test_painting import agrees
from .test_slices import CTRL, SHIFT, press


@pytest.fixture
def project(made: Path, tmp_path: Path, viewer: Viewer, open_dock) -> Path:
    """That project, in a window with the dock in it."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    open_dock()
    return tmp_path / "ct.densify"


def clear(viewer: Viewer) -> None:
    """Remove all layers but one: on Mesa, napari's welcome screen may die when drawn again."""
    for layer in list(viewer.layers):
        if layer.name != "aside":
            viewer.layers.remove(layer)
    if "aside" not in viewer.layers:
        viewer.add_image(np.arange(8.0).reshape(2, 2, 2), name="aside")


def close(dock: SegmentWidget) -> None:
    loop = dock.case.loop
    dock.close_case()
    assert loop.wait(30)


def check(dock: SegmentWidget, viewer: Viewer) -> None:
    """It is as it was left."""
    labels = dock.case.session.annotation.labels
    truth = phantom()[1]
    for axis in range(3):
        plane = Plane(axis, 12)
        np.testing.assert_array_equal(plane.take(labels), plane.take(truth) + 1)
    np.testing.assert_array_equal(dock.case.annotation.data, labels)
    assert dock.case.session.annotation.round == 0
    assert dock.classes.value()[1].colour == "#123456"
    assert viewer.dims.order == (1, 0, 2)
    assert dock.planes.value() == "xz"
    assert viewer.dims.point[1] == 9
    assert viewer.camera.zoom == pytest.approx(7.5)
    assert dock.case.annotation.selected_label == 1
    assert dock.learning.train.text() == "Train", "it was paused"
    assert dock.progress._seconds, "the curve goes on from where it was"


def dock_in(viewer: Viewer) -> SegmentWidget:
    docks = viewer.window.dock_widgets.values()
    return next(w for w in docks if isinstance(w, SegmentWidget))


def test_the_oblique_plane_comes_back_as_it_lay(viewer, project, qtbot):
    dock = dock_in(viewer)
    plane = ObliquePlane(20, -35, 1.5)
    for shown in (True, False):
        with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
            dock.open_project(project)
        dock.case.show_oblique(True)
        dock.case.oblique.setValue(plane)
        if not shown:
            dock.planes.oblique.click()
        close(dock)
        clear(viewer)
        with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
            dock.open_project(project)
        assert (dock.case.oblique is not None) == shown
        assert dock.planes.oblique.isChecked() == shown
        dock.case.show_oblique(True)
        assert dock.case.oblique.value() == plane
        assert dock.case.oblique.digital.plane == plane
        plane = ObliquePlane(-10, 5, -2)
        close(dock)
        clear(viewer)


def test_it_opens_from_the_docks_menu(viewer, project, qtbot, monkeypatch):
    dock = dock_in(viewer)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(project))
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.project.open.trigger()
    check(dock, viewer)
    assert viewer.layers["ct"].source.path == str(project.with_name("ct.tif"))
    dock.learning.train.click()
    qtbot.waitUntil(lambda: dock.case.session.status.steps > 5, timeout=LONG)


def test_it_closes_from_the_docks_menu_and_another_image_can_be_chosen(viewer, project, qtbot):
    dock = dock_in(viewer)
    assert not dock.project.close_case.isEnabled()
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.open_project(project)
    assert not dock.choice.isEnabled()
    with qtbot.waitSignal(dock.caseClosed, timeout=LONG):
        dock.project.close_case.trigger()
    assert dock.case is None
    assert dock.choice.isEnabled()
    assert "all of it is kept" in dock.progress.phase.text()


def test_how_it_is_looked_at_when_it_is_closed_is_how_it_opens(viewer, project, qtbot):
    dock = dock_in(viewer)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.open_project(project)
    dock.planes.setValue("yz")
    viewer.dims.set_point(2, 20)
    viewer.camera.zoom = 4.5
    dock.classes.pick(2)
    dock.learning.train.click()
    close(dock)
    clear(viewer)
    dock.planes.setValue("xy")
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.open_project(project)
    assert dock.planes.value() == "yz"
    assert viewer.dims.point[2] == 20
    assert viewer.camera.zoom == pytest.approx(4.5)
    assert dock.case.annotation.selected_label == 2
    assert dock.learning.train.text() == "Pause", "it goes on learning"


def test_it_opens_like_any_file(viewer, project, qtbot):
    dock = dock_in(viewer)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        viewer.window._qt_viewer._qt_open([str(project)], stack=[])
    check(dock, viewer)


def test_it_opens_when_it_is_dropped_on_the_canvas(viewer, project, qtbot):
    dock, mime = dock_in(viewer), QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(project))])
    event = QDropEvent(
        QPointF(QPoint(20, 20)),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        viewer.window._qt_viewer.dropEvent(event)
    check(dock, viewer)


def test_the_image_may_be_in_the_window_already(viewer, project, qtbot):
    dock = dock_in(viewer)
    viewer.open(project.with_name("ct.tif"), plugin="napari")
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.open_project(project)
    check(dock, viewer)
    assert len(viewer.layers) == 3


def test_a_moved_image_is_asked_for_and_another_one_refused(viewer, project, qtbot, tmp_path):
    dock = dock_in(viewer)
    moved = shutil.move(tmp_path / "ct.tif", tmp_path / "elsewhere.tif")
    tifffile.imwrite(tmp_path / "other.tif", phantom()[0] + 1)
    answers = [tmp_path / "gone.tif", tmp_path / "other.tif", Path(moved)]
    asked: list[str] = []

    def ask(sentence: str) -> Path:
        asked.append(sentence)
        return answers.pop(0)

    dock.opening.ask = ask
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.open_project(project)
    assert "not where it was" in asked[0]
    assert "no file" in asked[1]
    assert "another image" in asked[2]
    check(dock, viewer)
    close(dock)
    clear(viewer)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.open_project(project)
    assert len(asked) == 3, "its new place is remembered"


def test_who_does_not_know_where_the_image_is_loses_nothing(viewer, project, qtbot, tmp_path):
    dock = dock_in(viewer)
    (tmp_path / "ct.tif").unlink()
    before = {p: p.read_bytes() for p in project.rglob("*") if p.is_file() and p.name != "lock"}
    dock.opening.ask = lambda sentence: None
    with qtbot.waitSignal(dock.opening.failed, timeout=LONG):
        dock.open_project(project)
    assert "not where it was" in dock.progress.phase.text()
    assert dock.choice.annotate.isEnabled()
    after = {p: p.read_bytes() for p in project.rglob("*") if p.is_file() and p.name != "lock"}
    assert after == before


def test_what_is_no_project_is_refused_in_a_sentence(viewer, open_dock, qtbot, tmp_path):
    dock = open_dock()
    (tmp_path / "empty.densify").mkdir()
    with qtbot.waitSignal(dock.opening.failed, timeout=LONG):
        viewer.window._qt_viewer._qt_open([str(tmp_path / "empty.densify")], stack=[])
    assert "not a Densify project" in dock.progress.phase.text()


def test_save_as_moves_the_project_and_painting_goes_on(viewer, project, qtbot, monkeypatch):
    dock = dock_in(viewer)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.open_project(project)
    target = project.parent / "elsewhere" / "mine"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    with qtbot.waitSignal(dock.case.session.moved, timeout=LONG):
        dock.project.save_as.trigger()
    new = target.with_name("mine.densify")
    assert not project.exists()
    assert dock.project.place.text() == "Kept in mine.densify"
    dock.case.annotation.data_setitem(tuple(np.array([[1], [2], [3]])), 1)
    qtbot.waitUntil(agrees(dock.case), timeout=LONG)
    close(dock)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    assert dock.case.session.project.path == new, "where it went, not where it was"
    assert dock.case.session.annotation.labels[1, 2, 3] == 1
    close(dock)
    clear(viewer)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.open_project(new)
    assert dock.case.session.annotation.labels[1, 2, 3] == 1


def test_what_was_undone_can_be_redone_when_it_is_opened_again(viewer, project, qtbot):
    dock = dock_in(viewer)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.open_project(project)
    states = [dock.case.session.annotation.marks]
    for z in (1, 2):
        dock.case.annotation.data_setitem(tuple(np.array([[z], [2], [3]])), 2)
        qtbot.waitUntil(agrees(dock.case), timeout=LONG)
        states.append(dock.case.session.annotation.marks)
    for _ in range(2):
        press(viewer, qtbot, Qt.Key.Key_Z, CTRL)
    np.testing.assert_array_equal(dock.case.session.annotation.marks, states[0])
    close(dock)
    clear(viewer)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.open_project(project)
    for state in states[1:]:
        press(viewer, qtbot, Qt.Key.Key_Z, CTRL | SHIFT)
        np.testing.assert_array_equal(dock.case.session.annotation.marks, state)
        np.testing.assert_array_equal(dock.case.annotation.data, state["label"])


def test_a_snapshot_comes_back_and_undo_takes_that_back(viewer, project, qtbot, monkeypatch):
    dock = dock_in(viewer)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.open_project(project)
    session = dock.case.session
    then = session.annotation.marks.copy()
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("before lunch", True))
    with qtbot.waitSignal(session.snapshot_taken, timeout=LONG):
        dock.project.snapshot.trigger()
    dock.case.annotation.data_setitem(tuple(np.array([[1, 12], [2, 12], [3, 12]])), 3)
    qtbot.waitUntil(agrees(dock.case), timeout=LONG)
    now = session.annotation.marks.copy()
    dock.project.snapshots.trigger()
    dialog = dock.project.dialog
    assert dialog.value().name == "before lunch"
    with qtbot.waitSignal(dialog.compared, timeout=LONG):
        dialog.compare.click()
    assert "2 new" in dialog.answer.text()
    assert viewer.layers[-1].name == "ct as it was then"
    assert np.count_nonzero(viewer.layers[-1].data) == 1
    with qtbot.waitSignal(session.edited, timeout=LONG):
        dialog.restore.click()
    np.testing.assert_array_equal(session.annotation.marks, then)
    np.testing.assert_array_equal(dock.case.annotation.data, then["label"])
    dock.case.annotation.undo()
    qtbot.waitUntil(lambda: np.array_equal(session.annotation.marks, now), timeout=LONG)
    session.locked = frozenset({3})
    dialog.restore.click()

    def said() -> bool:
        sentences = [str(record.message) for record in notification_manager.records]
        return any("2 voxels of locked classes stayed" in sentence for sentence in sentences)

    qtbot.waitUntil(said, timeout=LONG)
    np.testing.assert_array_equal(dock.case.annotation.data, session.annotation.labels)
    assert (session.annotation.labels == 3).sum() == 2, "it is locked"
    asked, answers = [], [QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No]
    monkeypatch.setattr(
        QMessageBox, "question", lambda *about: (asked.append(about[2]), answers.pop())[1]
    )
    dialog.remove.click()
    assert dialog.value().name == "before lunch", "one click loses nothing"
    assert "“before lunch”" in asked[0]
    dialog.remove.click()
    assert dialog.value() is None


def test_snapshots_go_along_with_the_project_while_they_are_listed(
    viewer, project, qtbot, monkeypatch
):
    dock = dock_in(viewer)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.open_project(project)
    session = dock.case.session
    then = session.annotation.marks
    monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("before lunch", True))
    with qtbot.waitSignal(session.snapshot_taken, timeout=LONG):
        dock.project.snapshot.trigger()
    dock.case.annotation.data_setitem(tuple(np.array([[1], [2], [3]])), 2)
    qtbot.waitUntil(agrees(dock.case), timeout=LONG)
    dock.project.snapshots.trigger()
    target = project.parent / "mine.densify"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    with qtbot.waitSignal(session.moved, timeout=LONG):
        dock.project.save_as.trigger()
    with qtbot.waitSignal(session.edited, timeout=LONG):
        dock.project.dialog.restore.click()
    np.testing.assert_array_equal(session.annotation.marks, then)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    dock.project.dialog.remove.click()
    assert not session.project.snapshots.list()


def test_the_log_is_shown(open_dock):
    assert open_dock().project.log.text().endswith("densify.log")
