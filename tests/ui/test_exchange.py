"""A model to begin with and labels of another program, by the dock's menu."""

from __future__ import annotations

import shutil
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own documentation's abbreviation
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QFileDialog, QMessageBox

from napari_densify.cases.edit import Edit
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.formats import read_volume, write_volume
from napari_densify.cases.formats.medical import to_image
from napari_densify.cases.model import model_of, read_model, write_model
from napari_densify.cases.project import Label
from napari_densify.cases.stored import read_annotation

from .conftest import LONG, phantom
from .test_painting import agrees


def test_a_model_begins_a_project_and_labels_become_one_edit(
    viewer, open_dock, qtbot, monkeypatch, made: Path, tmp_path: Path
):
    shutil.copytree(made, tmp_path / "made")
    card, model = model_of(tmp_path / "made" / "ct.densify")
    write_model(tmp_path / "ball.safetensors", model)
    image, truth = phantom()
    sitk.WriteImage(to_image(read_volume(made / "ct.tif").like(image)), str(tmp_path / "next.nrrd"))
    viewer.open(str(tmp_path / "next.nrrd"), plugin="napari-densify")
    dock = open_dock()
    chosen = tmp_path / "ball.safetensors"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(chosen), ""))
    dock.project.model.trigger()
    assert [row.name for row in dock.classes.value()] == ["background", "ball"]
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    session = dock.case.session
    assert session.orders.model == model
    assert session.orders.settings.widths == card.widths
    assert session.orders.settings.voxels == card.voxels
    assert not dock.project.model.isEnabled()
    chosen = tmp_path / "labels.nrrd"
    part = to_image(session.volume.like(truth))[:, :, 5:15]
    sitk.WriteImage(part, str(chosen))
    yes = QMessageBox.StandardButton.Yes
    monkeypatch.setattr(QMessageBox, "question", lambda *_: yes)
    session.edited.connect((edits := []).append)
    dock.project.labels.trigger()
    qtbot.waitUntil(lambda: bool(edits), timeout=LONG)
    expected = np.zeros_like(truth)
    expected[5:15] = truth[5:15] + 1
    np.testing.assert_array_equal(session.annotation.labels, expected)
    np.testing.assert_array_equal(dock.case.annotation.data, expected)
    qtbot.waitUntil(lambda: session.status.steps > card.steps, timeout=LONG)
    dock.case.annotation.undo()
    qtbot.waitUntil(lambda: session.annotation.annotated == 0, timeout=LONG)
    assert agrees(dock.case)()


def said() -> list[str]:
    return [str(record.message) for record in notification_manager.records]


def test_a_model_is_not_used_for_a_project_that_is_there_and_that_is_said(
    viewer, open_dock, qtbot, made: Path, tmp_path: Path
):
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    write_model(tmp_path / "other.safetensors", model_of(tmp_path / "ct.densify")[1])
    viewer.open(str(tmp_path / "ct.tif"), plugin="napari")
    dock = open_dock()
    dock.exchange.start_from(tmp_path / "other.safetensors")
    notification_manager.records.clear()
    for told in (1, 0):
        with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
            dock.choice.annotate.click()
        sentences = [s for s in said() if "without other.safetensors; choose the model again" in s]
        assert len(sentences) == told
        assert all("ct.densify" in sentence for sentence in sentences)
        notification_manager.records.clear()
        dock.close_case()


def test_what_was_learned_is_saved_as_a_model(
    viewer, open_dock, qtbot, monkeypatch, made: Path, tmp_path: Path
):
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    dock = open_dock()
    assert not dock.project.save_model.isEnabled()
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.open_project(tmp_path / "ct.densify")
    chosen, asked = tmp_path / "ball.safetensors", []
    monkeypatch.setattr(
        QFileDialog,
        "getSaveFileName",
        lambda *about: (asked.append(about[2]), (str(chosen), ""))[1],
    )
    dock.project.save_model.trigger()
    assert asked == [str(tmp_path / "ct.safetensors")]
    qtbot.waitUntil(lambda: any("Wrote ball.safetensors" in s for s in said()), timeout=LONG)
    card, _ = read_model(chosen)
    assert [row.name for row in card.classes] == ["background", "ball"]
    chosen = tmp_path / "ct.tif"
    before = chosen.read_bytes()
    dock.project.save_model.trigger()
    qtbot.waitUntil(lambda: any("no kind of model" in s for s in said()), timeout=LONG)
    assert chosen.read_bytes() == before


def test_classes_that_are_added_while_labels_are_read_stay_and_stay_apart(
    open_case, qtbot, tmp_path: Path
):
    case = open_case()
    dock, labels = case.dock, np.zeros(phantom()[1].shape, np.uint8)
    labels[2, 3, 4] = 1
    segment = Label(label=1, name="lesion")
    write_volume(tmp_path / "labels.seg.nrrd", case.session.volume.like(labels), [segment])
    dock.exchange.take_labels(tmp_path / "labels.seg.nrrd")
    dock.classes.buttons["add_class"].click()
    dock.classes.change(3, name="vessel")
    dock.classes.change(2, name="ball", locked=True)
    qtbot.waitUntil(lambda: case.session.annotation.annotated == 1, timeout=LONG)
    names = {row.label: row.name for row in dock.classes.value()}
    assert names == {1: "background", 2: "ball", 3: "vessel", 4: "lesion"}
    assert case.session.annotation.labels[2, 3, 4] == 4
    assert case.session.locked == {2}


@pytest.fixture
def slow_commit(monkeypatch) -> tuple[Event, Event]:
    """When an edit is begun to be kept, and until when that takes."""
    begun, go_on, commit = Event(), Event(), ProjectFolder.commit

    def slowly(folder: ProjectFolder, edit: Edit) -> None:
        begun.set()
        go_on.wait(10)
        commit(folder, edit)

    monkeypatch.setattr(ProjectFolder, "commit", slowly)
    return begun, go_on


def test_the_window_stays_free_while_labels_are_taken_in(
    open_case, qtbot, tmp_path: Path, slow_commit
):
    case = open_case()
    session, truth = case.session, phantom()[1]
    write_volume(tmp_path / "labels.nii.gz", session.volume.like(truth))
    begun, go_on = slow_commit
    session.edited.connect((edits := []).append)
    case.dock.exchange.take_labels(tmp_path / "labels.nii.gz", complete=True)
    qtbot.waitUntil(begun.is_set, timeout=LONG)
    assert not session.annotation.annotated, "the window has waited for it"

    # What is painted meanwhile is taken off again, with a sentence; the view may be moved.
    case.annotation.data_setitem((np.array([1]), np.array([2]), np.array([3])), 2)
    qtbot.waitUntil(lambda: case.annotation.data[1, 2, 3] == 0, timeout=LONG)
    assert "paint again in a moment" in str(notification_manager.records[-1].message)
    case.viewer.dims.set_current_step(0, 3)
    case.dock.exchange.take_labels(tmp_path / "labels.nii.gz")
    assert "already" in str(notification_manager.records[-1].message)
    assert not edits

    go_on.set()
    qtbot.waitUntil(lambda: bool(edits), timeout=LONG)
    np.testing.assert_array_equal(session.annotation.labels, truth + 1)
    np.testing.assert_array_equal(case.annotation.data, truth + 1)
    qtbot.waitUntil(lambda: session.status.steps > 0, timeout=LONG)  # news come in again
    case.annotation.data_setitem((np.array([1]), np.array([2]), np.array([3])), 2)
    qtbot.waitUntil(lambda: len(edits) == 2, timeout=LONG)
    for undone in (1, 2):
        case.annotation.undo()
        qtbot.waitUntil(lambda n=undone: len(session.annotation.undone) == n, timeout=LONG)
        assert agrees(case)()
    assert session.annotation.annotated == 0
    kept, _ = read_annotation(session.project.path, truth.shape)
    assert kept.annotated == 0
    assert [edit.where.size for edit in kept.undone] == [1, truth.size]


def test_a_case_may_be_closed_while_labels_are_taken_in(
    open_case, qtbot, tmp_path: Path, slow_commit
):
    case = open_case()
    dock, truth = case.dock, phantom()[1]
    write_volume(tmp_path / "labels.nii.gz", case.session.volume.like(truth))
    begun, go_on = slow_commit
    dock.exchange.take_labels(tmp_path / "labels.nii.gz", complete=True)
    qtbot.waitUntil(begun.is_set, timeout=LONG)
    dock.close_case()
    go_on.set()
    qtbot.waitUntil(lambda: not case.session.busy, timeout=LONG)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    again = dock.case
    assert again.session.annotation.annotated in (0, truth.size)
    np.testing.assert_array_equal(again.annotation.data, again.session.annotation.labels)
    assert "is closed" in str([n.message for n in notification_manager.records]) or (
        again.session.annotation.annotated
    )
