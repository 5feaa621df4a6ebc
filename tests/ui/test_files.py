"""Images and labels through napari's own File menu, and the export dialog."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox

from napari_densify.cases.formats import read_segmentation, read_volume, write_volume
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label
from napari_densify.cases.volume import Volume
from napari_densify.ui import export
from napari_densify.ui.geometry import place_volume
from napari_densify.ui.writer import write_labels
from tests.cases.dicom_files import write_series
from tests.cases.test_round_trips import PLACES

from .conftest import LONG, drag, phantom


def scan(place: str = "rotated", dtype: type = np.float32) -> Volume:
    return replace(PLACES[place], data=(phantom()[0] * 100).astype(dtype), unit="millimeter")


def test_opened_images_lie_where_they_were_taken_and_labels_are_saved_there(viewer, tmp_path):
    image, labels = scan(), phantom()[1]
    write_volume(tmp_path / "ct.nii.gz", image)
    write_volume(tmp_path / "pet.ome.zarr", image.like(labels), [Label(label=1, name="a")], image)
    write_series(tmp_path / "scan", scan("flipped", np.int16))
    names = {"ct.nii.gz": ["ct"], "pet.ome.zarr": ["pet", "pet labels"], "scan": ["scan"]}
    for name, expected in names.items():
        opened = viewer.open(tmp_path / name, plugin="napari-densify")
        assert [layer.name for layer in opened] == expected
        for layer in opened:
            at = place_volume(Volume(np.asarray(layer.data)), layer)
            truth = read_volume(tmp_path / name)
            np.testing.assert_allclose(at.affine, truth.affine, atol=1e-4)
    np.testing.assert_array_equal(viewer.layers["pet labels"].data, labels)
    for ending in ("nii.gz", "seg.nrrd"):
        saved = tmp_path / f"saved.{ending}"
        assert viewer.layers["pet labels"].save(str(saved), plugin="napari-densify")
        back = read_segmentation(saved)
        np.testing.assert_allclose(back.affine, image.affine, atol=1e-4)
        np.testing.assert_array_equal(back.data, labels)


def test_two_channels_are_one_layer(viewer, tmp_path):
    image = scan("anisotropic")
    write_volume(tmp_path / "mr.nii.gz", image.like(np.stack([image.data] * 2)))
    (layer,) = viewer.open(tmp_path / "mr.nii.gz", plugin="napari-densify")
    assert layer.data.shape == (2, *image.shape)
    at = place_volume(Volume(layer.data), layer)
    np.testing.assert_allclose(at.affine, image.affine, atol=1e-4)


def test_of_several_series_one_is_chosen(viewer, tmp_path, monkeypatch):
    write_series(tmp_path / "scan", scan("flipped", np.int16), prefix="A")
    other = scan("anisotropic", np.int16)
    write_series(tmp_path / "scan", other.like(other.data[:20]), prefix="B")
    asked: list[list[str]] = []

    def choose(*arguments):
        asked.append(arguments[3])
        return arguments[3][1], True

    monkeypatch.setattr(QInputDialog, "getItem", choose)
    (layer,) = viewer.open(tmp_path / "scan", plugin="napari-densify")
    assert layer.data.shape == (20, 28, 32)
    assert [said.split(": ")[1] for said in asked[0]] == [
        "CT, 24 images, DOE thin", "CT, 20 images, DOE thin",
    ]  # fmt: skip


def test_a_broken_file_is_said_in_the_window(viewer, tmp_path, capsys):
    (tmp_path / "cut.nrrd").write_bytes(b"NRRD0004\n")
    assert viewer.open(tmp_path / "cut.nrrd", plugin="napari-densify") == []
    assert "cannot be read as an image" in capsys.readouterr().out


def test_the_dialog_writes_what_was_chosen(viewer, open_dock, tmp_path, qtbot):
    image = scan()
    write_volume(tmp_path / "ct.nii.gz", image)
    viewer.open(tmp_path / "ct.nii.gz", plugin="napari-densify")
    dock = open_dock()
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    case = dock.case
    for label, z in ((1, 5), (2, 6)):
        case.annotation.data_setitem((np.array([z] * 8), np.arange(8), np.arange(8)), label)
    qtbot.waitUntil(lambda: case.session.annotation.annotated == 16, timeout=LONG)
    dialog = dock.export()
    assert Path(dialog.path.text()) == tmp_path / "ct_seg.nii.gz"
    dialog.format.setCurrentText("NRRD (.nrrd)")
    assert Path(dialog.path.text()) == tmp_path / "ct_seg.nrrd"
    dialog.provenance.setChecked(True)
    dialog.volumes.setChecked(True)
    with qtbot.waitSignal(dialog.written, timeout=LONG) as done:
        dialog.export.click()
    assert [file.name for file in done.args[0]] == [
        "ct_seg.nrrd", "ct_seg_provenance.nrrd", "ct_seg_volumes.csv",
    ]  # fmt: skip
    for name in ("ct_seg.nrrd", "ct_seg_provenance.nrrd"):
        back = read_segmentation(tmp_path / name)
        np.testing.assert_allclose(back.affine, image.affine, atol=1e-4)
    assert (read_segmentation(tmp_path / "ct_seg_provenance.nrrd").data == 1).sum() == 16

    # File > Save of our layers: the prediction as structures, with names and colours.
    saved = tmp_path / "saved.seg.nrrd"
    case.prediction.save(str(saved), plugin="napari-densify")
    back = read_segmentation(saved)
    np.testing.assert_allclose(back.affine, image.affine, atol=1e-4)
    np.testing.assert_array_equal(back.data, np.maximum(case.session.prediction, 1) - 1)

    dialog.path.setText("/proc/x.nrrd")
    dialog.export.click()
    qtbot.waitUntil(lambda: "Cannot write" in dialog.said.text(), timeout=LONG)


def test_the_dialog_closes_with_its_case_once_it_has_written(open_case, tmp_path, qtbot):
    dock = open_case().dock
    dialog = dock.export()
    with qtbot.waitSignal(dialog.destroyed, timeout=LONG):
        dock.close_case()
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    dialog = dock.export()
    dialog.path.setText(str(tmp_path / "seg.nrrd"))
    with qtbot.waitSignal(dialog.written, timeout=LONG):
        dialog.export.click()
        dock.close_case()
    assert dialog.said.text() == "Wrote seg.nrrd."
    assert not dialog.export.isEnabled(), "another case may have other classes"


def test_a_stroke_meanwhile_is_in_nothing_that_is_written(
    viewer, open_case, tmp_path, qtbot, monkeypatch
):
    """Labels and what is written beside them are of one moment, however long it takes."""
    case = open_case()
    case.train(False)
    case.annotation.data_setitem((np.full(8, 5), np.arange(8), np.arange(8)), 2)
    qtbot.waitUntil(lambda: case.session.annotation.annotated == 8, timeout=LONG)
    until = threading.Event()
    write = export.write
    monkeypatch.setattr(export, "write", lambda wish: (until.wait(), write(wish))[1])
    dialog = case.dock.export()
    dialog.path.setText(str(tmp_path / "seg.nrrd"))
    dialog.provenance.setChecked(True)
    dialog.export.click()
    viewer.dims.set_point(0, 12)
    drag(viewer, qtbot, [(0.45, 0.5), (0.55, 0.5)])
    qtbot.waitUntil(lambda: case.session.annotation.annotated > 8, timeout=LONG)
    with qtbot.waitSignal(dialog.written, timeout=LONG):
        until.set()
    labels, whence = (
        read_segmentation(tmp_path / name).data for name in ("seg.nrrd", "seg_provenance.nrrd")
    )
    assert labels.sum() == 8
    np.testing.assert_array_equal(whence > 0, labels > 0)


@pytest.mark.parametrize("close", ["close", "reject"])
def test_what_becomes_of_an_export_is_said_also_when_the_dialog_is_closed_meanwhile(
    open_case, tmp_path, qtbot, monkeypatch, close
):
    dock = open_case().dock
    until = threading.Event()
    write = export.write
    monkeypatch.setattr(export, "write", lambda wish: (until.wait(), write(wish))[1])
    (tmp_path / "full").mkdir()
    full = tmp_path / "full" / "seg.nrrd"
    for file, sentence in ((tmp_path / "seg.nrrd", "Wrote seg.nrrd in"), (full, "Cannot write")):
        dialog = dock.export()
        dialog.path.setText(str(file))
        until.clear()
        dialog.export.click()
        getattr(dialog, close)()
        assert not dialog.isVisible()
        if file is full:
            file.parent.rmdir()
            file.parent.write_text("no folder any more")
        with qtbot.waitSignal(dialog.destroyed, timeout=LONG):
            until.set()
        assert sentence in str(notification_manager.records[-1].message)


def test_images_are_not_exported_over_and_other_files_only_when_that_is_agreed(
    viewer, open_dock, tmp_path, qtbot, monkeypatch
):
    images = [tmp_path / "ct.nii.gz", tmp_path / "ct_seg_provenance.nii.gz"]
    for image in images:
        write_volume(image, scan("anisotropic"))
    before = [image.read_bytes() for image in images]
    viewer.open(images, plugin="napari-densify")
    dock = open_dock()
    dock.choice.setValue(viewer.layers["ct"])
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    dialog = dock.export()

    def refused() -> str:
        dialog.export.click()
        assert dialog.export.isEnabled(), "it has begun to write"
        return dialog.said.text()

    offered = dialog.path.text()
    dialog.path.setText(str(images[0]))
    assert "ct.nii.gz is an image itself" in refused()
    dialog.path.setText(offered)
    dialog.provenance.setChecked(True)
    assert "ct_seg_provenance.nii.gz is an image itself" in refused()
    dialog.provenance.setChecked(False)

    said, answer = [], QMessageBox.StandardButton.No
    monkeypatch.setattr(QMessageBox, "question", lambda *about: (said.append(about[2]), answer)[1])
    earlier = [tmp_path / "ct_seg.nii.gz", tmp_path / "ct_seg_volumes.csv"]
    for file in earlier:
        file.write_text("mine")
    assert refused() == ""
    dialog.volumes.setChecked(True)
    assert refused() == ""
    assert said == [
        "ct_seg.nii.gz exists; replace it?",
        "ct_seg.nii.gz and ct_seg_volumes.csv exist; replace them?",
    ]
    assert [file.read_text() for file in earlier] == ["mine", "mine"]
    answer = QMessageBox.StandardButton.Yes
    with qtbot.waitSignal(dialog.written, timeout=LONG):
        dialog.export.click()
    assert read_segmentation(earlier[0]).shape == phantom()[1].shape

    # The file chooser has asked already; what is written beside it has not asked.
    said.clear()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(earlier[0]), ""))
    dialog.choose.click()
    for _ in range(2):
        with qtbot.waitSignal(dialog.written, timeout=LONG):
            dialog.export.click()
    assert said == [
        "ct_seg_volumes.csv exists; replace it?",
        "ct_seg.nii.gz and ct_seg_volumes.csv exist; replace them?",
    ]
    with pytest.raises(Problem, match="is an image itself"):
        write_labels(str(images[1]), *dock.case.prediction.as_layer_data_tuple()[:2])
    assert [image.read_bytes() for image in images] == before


def test_a_channel_is_not_exported_over_when_its_layer_was_removed(
    viewer, open_dock, tmp_path, qtbot, monkeypatch
):
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.No)
    files = [tmp_path / f"{name}.nii.gz" for name in "ab"]
    for file, factor in zip(files, (1, 2), strict=True):
        image = scan("anisotropic")
        write_volume(file, image.like(image.data * factor))
    viewer.open(files, plugin="napari-densify")
    dock = open_dock()
    dock.choice.image.value = viewer.layers["a"]
    dock.choice.inputs.channels.item(1).setCheckState(Qt.CheckState.Checked)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    viewer.layers.remove("b")
    assert not dock.case.closed
    dialog = dock.export()
    dialog.path.setText(str(files[1]))
    dialog.export.click()
    assert "b.nii.gz is an image itself" in dialog.said.text()
    with pytest.raises(Problem, match=r"b\.nii\.gz is an image itself"):
        write_labels(str(files[1]), *dock.case.prediction.as_layer_data_tuple()[:2])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("result", "result.nii.gz"),
        ("scan.v2", "scan.v2.nii.gz"),
        ("result.", "result.nii.gz"),
        ("result.NRRD", "result.NRRD"),
        ("result.nii", "result.nii"),
    ],
)
@pytest.mark.parametrize("chosen", [True, False])
def test_a_name_without_an_ending_gets_that_of_the_format(
    open_case, tmp_path, qtbot, monkeypatch, typed, meant, chosen
):
    dialog = open_case().dock.export()
    folder = Path(dialog.path.text()).parent if not chosen else tmp_path
    monkeypatch.setenv("HOME", str(tmp_path))
    if chosen:
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / typed), ""))
        dialog.choose.click()
        assert Path(dialog.path.text()) == folder / meant
    else:
        dialog.path.setText(typed)
    dialog.export.click()
    qtbot.waitUntil(lambda: dialog.busy.isHidden() and dialog.said.text() != "", timeout=LONG)
    assert dialog.said.text() == f"Wrote {meant}."
    assert (tmp_path / meant).exists()


def test_a_file_with_the_ending_that_a_chosen_name_gets_is_not_replaced_unasked(
    open_case, tmp_path, monkeypatch
):
    dialog = open_case().dock.export()
    (tmp_path / "result.nii.gz").write_text("mine")
    said, answer = [], QMessageBox.StandardButton.No
    monkeypatch.setattr(QMessageBox, "question", lambda *about: (said.append(about[2]), answer)[1])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "result"), ""))
    dialog.choose.click()
    dialog.export.click()
    assert said == ["result.nii.gz exists; replace it?"]
    assert (tmp_path / "result.nii.gz").read_text() == "mine"


@pytest.mark.parametrize("typed", ["", "{}", "{}/"])
def test_a_folder_is_no_file_to_export_to(open_case, tmp_path, monkeypatch, typed):
    dialog = open_case().dock.export()
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.No)
    dialog.path.setText(typed.format(tmp_path))
    dialog.export.click()
    assert "a name" in dialog.said.text()


def test_what_lies_among_the_slices_of_a_series_is_told(viewer, tmp_path):
    write_series(tmp_path / "scan", scan("flipped", np.int16))
    write_volume(tmp_path / "scan" / "seg.nii.gz", scan("flipped", np.uint8))
    (layer,) = viewer.open(tmp_path / "scan", plugin="napari-densify")
    assert layer.data.shape == (24, 28, 32)
    assert "seg.nii.gz" in str(notification_manager.records[-1].message)
