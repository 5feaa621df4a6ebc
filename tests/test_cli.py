"""The command line as a user runs it: a process of its own, real files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from napari_densify.cases.formats import medical
from napari_densify.cases.log import log_file
from napari_densify.cases.volume import Volume

from .conftest import ROOT

DATA = ROOT.parent / "shared" / "data" / "hippocampus"
ROUND = {
    "round", "annotated_slices", "annotated_voxels", "train_seconds", "wall_seconds",
    "first_prediction_seconds", "steps", "dice", "dice_mean",
}  # fmt: skip


def densify(*arguments: object, timeout: float = 150) -> subprocess.CompletedProcess[str]:
    """Run `napari-densify` with these arguments."""
    command = [sys.executable, "-m", "napari_densify.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence with which bad input ends."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def last_sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The sentence with which bad input ends that shows only once the work has begun."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


@pytest.fixture(autouse=True)
def log(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of the processes that a test starts, away from the user's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    return log_file()


@pytest.fixture
def files(tmp_path: Path, phantom: Volume, truth: NDArray[np.uint8]) -> Path:
    """A folder with the phantom as an oblique image, three painted slices, and its truth."""
    c, s = np.cos(0.4), np.sin(0.4)
    direction = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    image = Volume(phantom.data, (2.0, 1.0, 1.0), (5.0, -7.0, 11.0), direction)
    painted = np.zeros(truth.shape, np.uint8)
    for index in (np.s_[9], np.s_[:, 19], np.s_[:, :, 16]):
        painted[index] = truth[index] + 1
    medical.write(tmp_path / "image.nii.gz", image)
    medical.write(tmp_path / "painted.nii.gz", image.like(painted))
    medical.write(tmp_path / "truth.nii.gz", image.like(truth))
    return tmp_path


def test_train_info_predict(files: Path) -> None:
    project, out = files / "case.densify", files / "out.nrrd"
    done = densify(
        "train", files / "image.nii.gz", files / "painted.nii.gz", "--out", project, "--seconds", 8
    )
    assert done.returncode == 0, done.stderr
    told = densify("info", project)
    assert told.returncode == 0, told.stderr
    assert "24 × 28 × 32" in told.stdout
    done = densify("predict", project, files / "image.nii.gz", "--out", out)
    assert done.returncode == 0, done.stderr
    image, labels = sitk.ReadImage(files / "image.nii.gz"), sitk.ReadImage(out)
    assert set(np.unique(sitk.GetArrayFromImage(labels))) <= {0, 1, 2}
    for corner in ((0, 0, 0), (31, 0, 0), (0, 27, 23)):
        np.testing.assert_allclose(
            image.TransformIndexToPhysicalPoint(corner),
            labels.TransformIndexToPhysicalPoint(corner),
            atol=1e-4,
        )
    truth = sitk.GetArrayFromImage(sitk.ReadImage(files / "truth.nii.gz"))
    assert (sitk.GetArrayFromImage(labels) == truth).mean() > 0.8
    painted = sitk.GetArrayFromImage(sitk.ReadImage(files / "painted.nii.gz"))
    written = sitk.GetArrayFromImage(labels)[painted > 0]
    np.testing.assert_array_equal(written, painted[painted > 0] - 1)


def test_a_case_is_added_to_a_project_once(files: Path, phantom: Volume) -> None:
    project, painted = files / "case.densify", files / "painted.nii.gz"
    done = densify("train", files / "image.nii.gz", painted, "--out", project, "--seconds", 1)
    assert done.returncode == 0, done.stderr
    image = medical.read(files / "image.nii.gz")
    following = files / "next.nii.gz"
    medical.write(following, image.like(phantom.data[:, ::-1] * 3))
    done = densify("add", project, following, painted, "--seconds", 1)
    assert done.returncode == 0, done.stderr
    told = densify("info", project)
    assert "case (painted), next (painted)" in told.stdout
    for name in ("case", "next"):
        done = densify("export", project, "--case", name, "--out", files / f"{name}.csv")
        assert done.returncode == 0, done.stderr
    done = densify("add", project, following, painted, "--seconds", 1)
    assert done.returncode == 0, done.stderr
    assert "next.nii.gz is a case of case.densify already" in done.stderr
    assert densify("info", project).stdout.count("next (painted)") == 1
    done = densify("predict", project, following, "--out", files / "out.nrrd")
    assert done.returncode == 0, done.stderr


def test_simulate_on_real_data(tmp_path: Path) -> None:
    if not DATA.is_dir():
        pytest.skip(f"no shared volumes at {DATA}")
    out, prediction = tmp_path / "run.json", tmp_path / "prediction.nii.gz"
    image = DATA / "hippocampus_004_image.nii.gz"
    done = densify(
        "simulate", image, DATA / "hippocampus_004_truth.nii.gz", "--out", out,
        "--slices", 9, "--rounds", 1, "--seconds", 5, "--save-prediction", prediction,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    run = json.loads(out.read_text())
    about = {"image", "shape", "spacing", "classes", "device", "threads", "seed"}
    assert set(run) == about | {"rounds", "peak_rss_mb"}
    assert run["classes"] == [1, 2]
    assert [r["round"] for r in run["rounds"]] == [0, 1]
    assert all(set(r) == ROUND for r in run["rounds"])
    assert [r["annotated_slices"] for r in run["rounds"]] == [9, 10]
    assert all(set(r["dice"]) == {"1", "2"} for r in run["rounds"])
    first, second = run["rounds"]
    assert second["annotated_voxels"] > first["annotated_voxels"]
    assert second["steps"] > first["steps"] > 0
    one, other = sitk.ReadImage(image), sitk.ReadImage(prediction)
    assert one.GetSize() == other.GetSize()
    np.testing.assert_allclose(one.GetOrigin(), other.GetOrigin())
    np.testing.assert_allclose(one.GetDirection(), other.GetDirection())


def test_one_round_only(files: Path) -> None:
    out = files / "run.json"
    done = densify(
        "simulate", files / "image.nii.gz", files / "truth.nii.gz",
        "--out", out, "--rounds", 0, "--seconds", 2,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(json.loads(out.read_text())["rounds"]) == 1


@pytest.mark.parametrize(
    "command",
    ["demo", "simulate", "train", "add", "predict", "export", "evaluate", "info"],
)
def test_help_has_an_example(command: str) -> None:
    done = densify(command, "--help")
    assert done.returncode == 0
    assert f"napari-densify {command}" in done.stdout.split("Example:")[1]


def test_info_of_the_machine_and_of_an_image(
    files: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "500")  # a row of the table is one line then
    told = densify("info").stdout
    assert "device" in told
    assert str(log) in told
    assert "24 × 28 × 32" in densify("info", files / "image.nii.gz").stdout


def bad_image(kind: str, shape: tuple[int, int, int]) -> NDArray[np.generic]:
    values = np.random.default_rng(0).random(shape).astype(np.float32)
    return {
        "constant": np.zeros_like(values),
        "NaN": np.full_like(values, np.nan),
        "2-D": values[0],
        "RGB": (np.stack([values[0]] * 3, -1)[None].repeat(9, 0) * 255).astype(np.uint8),
        "5-D": values[None, None],
        "empty": values[:0],
    }[kind]


@pytest.mark.parametrize("kind", ["constant", "NaN", "2-D", "RGB", "5-D", "empty"])
def test_bad_images(files: Path, kind: str) -> None:
    np.save(files / "bad.npy", bad_image(kind, (24, 28, 32)))
    before = sorted(files.iterdir())
    done = densify(
        "train", files / "bad.npy", files / "painted.nii.gz", "--out", files / "x.densify"
    )
    assert "bad.npy" in refused(done)
    assert sorted(files.iterdir()) == before


def painted(kind: str) -> NDArray[np.generic]:
    labels = np.zeros((24, 28, 32), np.int16)
    if kind == "other shape":
        return labels[:, :, :30] + 1
    if kind == "one class":
        labels[5] = 2
    elif kind == "class 255":
        labels[5], labels[6] = 1, 255
    elif kind == "negative":
        labels[5], labels[6] = 1, -1
    elif kind == "fractions":
        return labels + np.linspace(0, 1, 32)
    return labels


@pytest.mark.parametrize(
    "kind", ["other shape", "nothing", "one class", "class 255", "negative", "fractions"]
)
def test_bad_annotations(files: Path, kind: str) -> None:
    np.save(files / "bad.npy", painted(kind))
    done = densify("train", files / "image.nii.gz", files / "bad.npy", "--out", files / "x.densify")
    assert "bad.npy" in refused(done)
    assert not (files / "x.densify").exists()


def test_what_is_no_image_no_project_and_nowhere_to_write(files: Path) -> None:
    image, labels = files / "image.nii.gz", files / "painted.nii.gz"
    (files / "note.nii.gz").write_text("not an image")
    (files / "note.txt").write_text("not an image")
    (files / "folder.densify").mkdir()
    whole = image.read_bytes()
    (files / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    nowhere = files / "note.txt" / "below.densify"
    before = sorted(files.rglob("*"))
    for arguments in (
        ("info", files / "cut.nii.gz"),
        ("info", files / "note.nii.gz"),
        ("info", files / "note.txt"),
        ("info", files / "absent.nii.gz"),
        ("info", files / "folder.densify"),
        ("predict", files / "folder.densify", image, "--out", files / "y.nii.gz"),
        ("train", image, labels, "--out", files / "folder.densify"),
        ("train", image, labels, "--out", nowhere),
        ("simulate", image, files / "truth.nii.gz", "--out", nowhere),
        ("simulate", image, files / "truth.nii.gz", "--out", "/proc/run.json"),
        ("demo", "--headless", "--out", nowhere),
    ):
        refused(densify(*arguments))
    assert sorted(files.rglob("*")) == before


def test_it_is_refused_before_any_work_is_done(files: Path) -> None:
    """Not after the training: where the results should go, and on what it should run."""
    image, truth, out = files / "image.nii.gz", files / "truth.nii.gz", files / "run.json"
    project = files / "new" / "case.densify"
    before = sorted(files.rglob("*"))
    for arguments, word in (
        (("simulate", image, truth, "--out", out, "--save-prediction", files / "x.doc"), "x.doc"),
        (("simulate", image, truth, "--out", out, "--save-prediction", "/proc/x.npy"), "/proc"),
        (("simulate", image, truth, "--out", out, "--device", "toaster"), "toaster"),
        (("train", image, truth, "--out", project, "--device", "toaster"), "toaster"),
    ):
        assert word in last_sentence(densify(*arguments))
    assert sorted(files.rglob("*")) == before


def test_a_model_goes_only_with_images_of_its_kind(files: Path, phantom: Volume) -> None:
    project = files / "case.densify"
    trained = densify(
        "train", files / "image.nii.gz", files / "painted.nii.gz", "--out", project, "--seconds", 1
    )
    assert trained.returncode == 0, trained.stderr
    np.save(files / "two.npy", np.stack([phantom.data] * 2))
    before = sorted(files.rglob("*"))
    for image, out in (("two.npy", "y.npy"), ("image.nii.gz", "y.doc")):
        last_sentence(densify("predict", project, files / image, "--out", files / out))
    for model in (project / "model").iterdir():
        model.write_bytes(model.read_bytes()[:1000])
    done = densify("predict", project, files / "image.nii.gz", "--out", files / "y.npy")
    assert "no trained model" in last_sentence(done)
    assert sorted(files.rglob("*")) == before


def test_what_went_wrong_is_in_the_log_without_whose_it_is(files: Path, log: Path) -> None:
    assert "DOE JOHN" in refused(densify("info", files / "DOE JOHN" / "ct.nii.gz"))
    (line,) = log.read_text().splitlines()
    assert line.endswith("There is no file <path>.nii.gz; check the name.")
    assert " WARNING " in line


def test_without_a_place_for_the_log_all_goes_on(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc")
    refused(densify("info", files / "absent.nii.gz"))


def test_names_are_shown_as_they_are(files: Path) -> None:
    np.save(files / "scan[red].npy", np.zeros((3, 3)))
    assert "scan[red].npy" in refused(densify("info", files / "scan[red].npy"))
