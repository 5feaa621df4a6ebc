"""docs/models.md, command by command: models and labels on their way to and from others."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own documentation's abbreviation
from packaging.version import Version
from safetensors import safe_open

from napari_densify.cases.formats import read_any, read_volume
from napari_densify.cases.model import ModelCard, read_model
from napari_densify.cases.plane import Plane
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Project
from napari_densify.cases.stored import read_annotation
from napari_densify.cases.volume import Volume
from tests.conftest import ROOT

COMMANDS = re.findall(r"^napari-densify .*$", (ROOT / "docs" / "models.md").read_text(), re.M)
SPACING = (1.0, 1.0, 2.0)  # x, y, z


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command)[1:]
    if words[0] == "train":
        words += ["--seconds", "2"]
    homes = {"XDG_STATE_HOME": str(folder / "state"), "XDG_DATA_HOME": str(folder / "data")}
    return subprocess.run(
        [sys.executable, "-m", "napari_densify.cli", *words],
        cwd=folder,
        env={**os.environ, **homes, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=170,
    )


def image_of(data: np.ndarray) -> sitk.Image:
    """An oblique acquisition."""
    image = sitk.GetImageFromArray(data)
    image.SetSpacing(SPACING)
    image.SetOrigin((-30, 12, 5))
    image.SetDirection((0.8, -0.6, 0, 0.6, 0.8, 0, 0, 0, 1))
    return image


@pytest.fixture(scope="module")
def folder(tmp_path_factory, phantom: Volume, truth: np.ndarray) -> Path:
    """Every command of the document, run in one folder."""
    folder = tmp_path_factory.mktemp("models")
    painted = np.zeros(truth.shape, np.uint8)
    for plane in (Plane(0, 9), Plane(1, 19), Plane(2, 16)):
        voxels = plane.voxels(np.ones_like(plane.take(truth), bool), truth.shape)
        painted.reshape(-1)[voxels] = plane.take(truth).ravel() + 1
    sitk.WriteImage(image_of(phantom.data), str(folder / "ct.nii.gz"))
    sitk.WriteImage(image_of(phantom.data[:, ::-1].copy()), str(folder / "next.nii.gz"))
    sitk.WriteImage(image_of(painted), str(folder / "painted.nii.gz"))
    # Slicer writes only the part of the grid that holds something, and tells names and colours.
    part = image_of((truth * 3).astype(np.uint8))[8:20, 10:26, 3:7]
    for key, value in {
        "Segment0_LabelValue": "3",
        "Segment0_Name": "Structure 1",
        "Segment1_LabelValue": "6",
        "Segment1_Name": "tumour",
        "Segment1_Color": "1 0.5 0",
    }.items():
        part.SetMetaData(key, value)
    sitk.WriteImage(part, str(folder / "slicer.seg.nrrd"), useCompression=True)
    coarse = image_of(truth)[::2, ::2]
    sitk.WriteImage(coarse, str(folder / "snap.nii.gz"))
    for command in COMMANDS:
        if {".onnx", ".zip"} & {Path(word).suffix for word in command.split()}:
            pytest.importorskip("onnx", reason="the extra `models` is not installed")
        done = run(command, folder)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        if command.startswith("napari-densify nnunet"):
            (folder / "before").mkdir()
            annotation, _ = read_annotation(folder / "ct.densify", truth.shape)
            np.save(folder / "before" / "labels.npy", annotation.labels)
        if "slicer" in command:
            annotation, _ = read_annotation(folder / "ct.densify", truth.shape)
            np.save(folder / "before" / "slicer.npy", annotation.labels)
    return folder


def test_a_model_file_says_what_it_is_and_holds_no_image_and_no_name(folder: Path) -> None:
    card, model = read_model(folder / "liver.safetensors")
    assert [(c.label, c.name) for c in card.classes] == [
        (1, "background"),
        (2, "structure 1"),
        (3, "structure 2"),
    ]
    assert (card.channels, card.spacing) == (1, (2.0, 1.0, 1.0))
    assert card.steps > 0
    with safe_open(folder / "liver.safetensors", "numpy") as file:
        assert ModelCard.of(file.metadata()) == card
        names = file.keys()
    assert not [k for k in names if k.startswith(("optimiser", "template"))]
    assert b"ct.nii" not in model


def test_another_project_begins_with_it(folder: Path) -> None:
    described = Project.read(folder / "next.densify")
    assert described.learning.spacing == (2.0, 1.0, 1.0)
    assert [c.name for c in described.classes] == ["background", "structure 1", "structure 2"]
    card, _ = read_model(folder / "liver.safetensors")
    done = run("napari-densify model next.densify --out again.safetensors", folder)
    assert done.returncode == 0, done.stderr
    assert read_model(folder / "again.safetensors")[0].steps > card.steps, "it went on from there"


def test_a_model_is_not_written_into_a_project(folder: Path) -> None:
    done = run("napari-densify model ct.densify --out ct.densify/model/x.safetensors", folder)
    assert done.returncode != 0
    assert "lies in the project ct.densify" in " ".join(done.stderr.split())
    assert not (folder / "ct.densify" / "model" / "x.safetensors").exists()


@pytest.mark.parametrize("kind", ["text", "another program's", "cut short"])
def test_what_is_no_model_is_refused_in_a_sentence(folder: Path, tmp_path: Path, kind: str) -> None:
    import safetensors.numpy

    file, whole = tmp_path / "x.safetensors", (folder / "liver.safetensors").read_bytes()
    content = {
        "text": b"no model",
        "another program's": safetensors.numpy.save({"w": np.zeros(3)}, {"format": "pt"}),
        "cut short": whole[: len(whole) // 2],
    }[kind]
    file.write_bytes(content)
    with pytest.raises(Problem, match="is no model"):
        read_model(file)


def predicted(folder: Path) -> np.ndarray:
    """Labels by the project itself."""
    if not (folder / "by_us.nii.gz").exists():
        done = run("napari-densify predict ct.densify next.nii.gz --out by_us.nii.gz", folder)
        assert done.returncode == 0, done.stdout + done.stderr
    return read_any(folder / "by_us.nii.gz").data


def test_onnx_says_what_the_learner_says_at_any_size(folder: Path) -> None:
    ort = pytest.importorskip("onnxruntime", reason="the extra `models` is not installed")
    network = ort.InferenceSession(str(folder / "liver.onnx"))
    image = read_volume(folder / "next.nii.gz").data.astype(np.float32)
    [answer] = network.run(None, {"image": image[None, None]})
    np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-4)
    assert (answer[0].argmax(axis=0) == predicted(folder)).mean() > 0.999
    said = network.get_modelmeta().custom_metadata_map
    assert json.loads(said["spacing"]) == [2.0, 1.0, 1.0]


def test_the_model_zoo_accepts_the_package(folder: Path) -> None:
    if Version(version("pydantic")) >= Version("2.14"):
        pytest.skip("bioimageio.spec 0.5.12 refuses every model under pydantic 2.14 and later")
    core = pytest.importorskip("bioimageio.core", reason="bioimageio.core is not installed")
    for weights in ("torchscript", "onnx"):
        summary = core.test_model(folder / "liver.zip", weight_format=weights)
        assert summary.status == "passed", summary.format()


def test_nnunet_finds_what_is_not_annotated_as_its_ignore_label(folder: Path) -> None:
    dataset = folder / "Dataset007_Liver"
    about = json.loads((dataset / "dataset.json").read_text())
    assert about["labels"] == {"background": 0, "structure 1": 1, "structure 2": 2, "ignore": 3}
    assert about["numTraining"] == 1
    assert about["channel_names"] == {"0": "channel 0"}
    image = sitk.ReadImage(str(dataset / "imagesTr" / "ct_0000.nii.gz"))
    labels = sitk.ReadImage(str(dataset / "labelsTr" / "ct.nii.gz"))
    for corner in ((0, 0, 0), (31, 27, 23)):
        np.testing.assert_allclose(
            image.TransformIndexToPhysicalPoint(corner),
            labels.TransformIndexToPhysicalPoint(corner),
            atol=1e-4,
        )
    before = np.load(folder / "before" / "labels.npy")
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(labels), np.where(before == 0, 3, before - 1.0)
    )


def test_slicers_segments_become_annotation_where_they_lie(folder: Path, truth: np.ndarray) -> None:
    before = np.load(folder / "before" / "labels.npy")
    after = np.load(folder / "before" / "slicer.npy")
    part = np.zeros_like(truth)
    part[3:7, 10:26, 8:20] = truth[3:7, 10:26, 8:20]
    expected = np.where(part == 1, 2, np.where(part == 2, 4, before))
    np.testing.assert_array_equal(after, expected)
    rows = {c.label: c for c in Project.read(folder / "ct.densify").classes}
    assert rows[2].name == "structure 1", "a class of that name was there"
    if (part == 2).any():
        assert (rows[4].name, rows[4].colour) == ("tumour", "#ff8000")


def test_labels_of_another_grid_are_complete_if_that_is_said(
    folder: Path, truth: np.ndarray
) -> None:
    annotation, _ = read_annotation(folder / "ct.densify", truth.shape)
    labels = annotation.labels
    assert (labels[:, :-1, :-1] > 0).all(), "as far as the labels' voxels reach"
    inner = (slice(1, -1),) * 3
    agree = (np.minimum(labels, 3) == truth + 1)[inner]
    assert agree.mean() > 0.9
    edit = annotation.undo()
    assert edit is not None
    assert edit.where.size > 10_000, "it is one edit"


def test_labels_of_another_place_are_refused(folder: Path, truth: np.ndarray) -> None:
    far = image_of(truth)
    far.SetOrigin((1e4, 0, 0))
    sitk.WriteImage(far, str(folder / "far.nii.gz"))
    np.save(folder / "small.npy", truth[:-1])
    for name, sentence in (("far.nii.gz", "Nothing of"), ("small.npy", "without a place")):
        done = run(f"napari-densify import ct.densify {name}", folder)
        assert done.returncode == 2
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr
