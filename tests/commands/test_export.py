"""What leaves a project: labels, surfaces and volumes, where the image lies."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.formats import read_any, read_segmentation, write_volume
from napari_densify.cases.problem import Problem
from napari_densify.cases.volume import Volume
from napari_densify.cli import app
from napari_densify.session.provenance import NETWORK, PAINTED
from tests.cases.dicom_files import write_series
from tests.cases.test_round_trips import PLACES

from .conftest import Run, table


def test_a_dicom_series_becomes_a_dicom_seg(
    project: Path, phantom: Volume, tmp_path: Path, densify: Run
) -> None:
    values = (phantom.data * 100).astype(np.int16)
    write_series(tmp_path / "scans" / "patient", replace(PLACES["rotated"], data=values))
    done = densify("predict", project, tmp_path / "scans", "--out", tmp_path, "--format", "dcm")
    assert done[0] == 0, done
    seg = sitk.ReadImage(str(tmp_path / "patient.dcm"))
    assert seg.GetSize()[:2] == values.shape[:0:-1]


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".seg.nrrd", ".mha", ".tif", ".ome.zarr"])
def test_an_export_lies_where_the_image_does(
    project: Path, tmp_path: Path, densify: Run, ending: str
) -> None:
    done = densify("export", project, "--out", tmp_path / f"x{ending}", "--provenance")
    assert done[0] == 0, done
    image = read_any(project.with_name("ct.nii.gz"))
    labels = read_segmentation(tmp_path / f"x{ending}")
    second = ".nii.gz" if ending == ".seg.nrrd" else ending
    marks = read_segmentation(tmp_path / f"x_provenance{second}")
    for each in (labels, marks):
        np.testing.assert_allclose(each.affine, image.affine, atol=1e-4)
    painted = read_any(project.with_name("painted.nii.gz")).data
    np.testing.assert_array_equal(labels.data[painted > 0], painted[painted > 0] - 1)
    np.testing.assert_array_equal(marks.data == PAINTED, painted > 0)
    assert set(np.unique(marks.data[painted == 0])) == {0, NETWORK}, "the rest is predicted"


def test_surfaces_and_volumes_are_those_of_the_voxels(
    project: Path, tmp_path: Path, densify: Run
) -> None:
    for name in ("x.stl", "x.ply", "x.csv", "x.nii.gz"):
        assert densify("export", project, "--out", tmp_path / name)[0] == 0
    image = nibabel.load(tmp_path / "x.nii.gz")
    voxels = np.asanyarray(image.dataobj)
    size = abs(np.linalg.det(image.affine[:3, :3]))
    for label, row in zip((1, 2), table(tmp_path / "x.csv"), strict=True):
        inside = voxels == label
        assert int(row["voxels"]) == inside.sum()
        assert float(row["volume"]) == pytest.approx(inside.sum() * size, rel=1e-4)
        triangles = stl(tmp_path / f"x-structure-{label}.stl")
        assert triangle_volume(triangles) == pytest.approx(inside.sum() * size, rel=0.15)
        # Left and posterior count up in DICOM's world, right and anterior in NIfTI's.
        centre = nibabel.affines.apply_affine(image.affine, np.argwhere(inside).mean(axis=0))
        middle = triangles.reshape(-1, 3).mean(axis=0)
        np.testing.assert_allclose(middle, centre * (-1, -1, 1), atol=1.0)
        assert (tmp_path / f"x-structure-{label}.ply").read_bytes().startswith(b"ply")


def stl(path: Path) -> NDArray[np.float32]:
    """(n, 3, 3) corners of a binary STL's triangles."""
    content = path.read_bytes()
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("about", "<u2")])
    triangles = np.frombuffer(content[84:], record)
    assert len(triangles) == int.from_bytes(content[80:84], "little")
    return np.asarray(triangles["corners"])


def triangle_volume(corners: NDArray[np.float32]) -> float:
    """Of a closed surface with its normals to the outside (divergence theorem)."""
    a, b, c = corners.astype(float).transpose(1, 0, 2)
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def test_a_further_case_of_a_project(
    project: Path, phantom: Volume, tmp_path: Path, densify: Run
) -> None:
    shutil.copytree(project.parent, tmp_path / "p")
    home = tmp_path / "p" / "ct.densify"
    image = replace(PLACES["flipped"], data=phantom.data[::-1].copy(), unit="millimeter")
    painted = read_any(home.with_name("painted.nii.gz")).data[::-1].copy()
    write_volume(tmp_path / "p" / "next.nii.gz", image)
    write_volume(tmp_path / "p" / "next_painted.nii.gz", image.like(painted))
    files = [tmp_path / "p" / name for name in ("next.nii.gz", "next_painted.nii.gz")]
    assert densify("add", home, *files, "--seconds", 0.5)[0] == 0
    assert densify("export", home, "--case", "next", "--out", tmp_path / "x.nrrd")[0] == 0
    labels = read_segmentation(tmp_path / "x.nrrd")
    np.testing.assert_allclose(labels.affine, image.affine, atol=1e-4)
    np.testing.assert_array_equal(labels.data[painted > 0], painted[painted > 0] - 1)


def test_what_cannot_be_exported_is_said(project: Path, tmp_path: Path, densify: Run) -> None:
    for arguments, word in (
        (("--out", tmp_path / "x.doc"), "no ending that can be written"),
        (("--out", tmp_path / "x.dcm"), "refers to DICOM images"),
        (("--out", tmp_path / "x.mha", "--case", "other"), "no case “other”; choose one of ct"),
        (("--out", tmp_path / "x.mha", "--image", project.with_name("painted.nii.gz")),
         "belongs to another image"),
    ):  # fmt: skip
        with pytest.raises(Problem, match=word):
            densify("export", project, *arguments)
    assert list(tmp_path.iterdir()) == []


# evaluate


def test_an_image_is_never_written_over(project: Path, tmp_path: Path) -> None:
    shutil.copy(project.with_name("ct.nii.gz"), tmp_path / "a.nii.gz")
    shutil.copytree(project, tmp_path / "ct.densify")
    shutil.copy(project.with_name("ct.nii.gz"), tmp_path / "ct.nii.gz")
    before = (tmp_path / "ct.nii.gz").read_bytes()
    home, image, same = tmp_path / "ct.densify", tmp_path / "a.nii.gz", tmp_path / "ct.nii.gz"
    for command in (
        ["export", home, "--out", same],
        ["export", home, "--out", home / ".." / "ct.nii.gz"],
        ["predict", home, image, "--out", tmp_path / "ct.densify" / ".." / "a.nii.gz"],
        ["predict", home, image, "--out", home / ".."],
    ):
        with pytest.raises(Problem, match="is an image itself"):
            app([*map(str, command)], standalone_mode=False)
    assert same.read_bytes() == image.read_bytes() == before


@pytest.mark.parametrize("command", ["export", "predict"])
def test_a_folder_is_never_replaced_by_a_result(
    project: Path, tmp_path: Path, densify: Run, command: str
) -> None:
    """Unless it is a result of ours; it is refused before anything is predicted."""
    study, home = tmp_path / "study.zarr", tmp_path / "ct.densify"
    shutil.copytree(project.parent, tmp_path, dirs_exist_ok=True)
    image = read_any(tmp_path / "ct.nii.gz")
    write_volume(study / "image.ome.zarr", image)
    given = (home,) if command == "export" else (home, study / "image.ome.zarr")
    before = sorted(tmp_path.rglob("*"))
    for out in (study, home / "annotation.zarr", study / "image.ome.zarr"):
        if command == "predict" or out.parent != study:
            with pytest.raises(Problem, match=r"lies in|image itself|a folder that"):
                densify(command, *given, "--out", out)
            assert sorted(tmp_path.rglob("*")) == before
    for _ in range(2):
        assert densify(command, *given, "--out", tmp_path / "seg.ome.zarr")[0] == 0


@pytest.mark.parametrize("into", [2, 0])
def test_classes_that_are_gone_stay_gone_in_an_export(
    project: Path, tmp_path: Path, densify: Run, into: int
) -> None:
    shutil.copytree(project, tmp_path / "ct.densify")
    shutil.copy(project.with_name("ct.nii.gz"), tmp_path / "ct.nii.gz")
    folder = ProjectFolder(tmp_path / "ct.densify")
    rows = tuple(row for row in folder.description.classes if row.label != 3)
    learning = folder.description.learning.model_copy(update={"folded": {3: into}})
    folder.describe(classes=rows, learning=learning)
    folder.close()
    out = tmp_path / "x.nii.gz"
    assert densify("export", tmp_path / "ct.densify", "--out", out, "--provenance")[0] == 0
    labels = read_any(out).data
    assert set(np.unique(labels)) == {0, 1}
    threes = read_any(project.with_name("painted.nii.gz")).data == 3
    whence = read_any(tmp_path / "x_provenance.nii.gz").data
    assert set(np.unique(labels[threes])) == ({1} if into else {0})
    assert set(np.unique(whence[threes])) == ({PAINTED} if into else {0})


def test_moved_images_go_into_a_data_set_where_they_are_named(
    project: Path, phantom: Volume, tmp_path: Path, densify: Run
) -> None:
    shutil.copytree(project.parent, tmp_path / "p")
    home, out = tmp_path / "p" / "ct.densify", tmp_path / "Dataset007_Liver"
    image = read_any(home.with_name("ct.nii.gz"))
    write_volume(tmp_path / "p" / "next.nii.gz", image.like(image.data[:, ::-1] * 3))
    files = [tmp_path / "p" / name for name in ("next.nii.gz", "painted.nii.gz")]
    assert densify("add", home, *files, "--seconds", 0.2)[0] == 0
    (tmp_path / "moved").mkdir()
    named = []
    for name in ("ct.nii.gz", "next.nii.gz"):
        moved = home.with_name(name).rename(tmp_path / "moved" / name)
        with pytest.raises(
            Problem, match=rf"{name.split('.')[0]}\.densify is not where .* --image"
        ):
            densify("nnunet", home, "--out", out, *named)
        named += ["--image", moved]
    with pytest.raises(Problem, match="There is no file"):
        densify("nnunet", home, "--out", out, *named, "--image", tmp_path / "absent.nii.gz")
    assert densify("nnunet", home, "--out", out, *named)[0] == 0
    written = sorted(file.name for file in (out / "imagesTr").iterdir())
    assert written == ["ct_0000.nii.gz", "next_0000.nii.gz"]


def test_a_series_goes_into_a_data_set_beside_the_project_or_where_it_is_named(
    tmp_path: Path, phantom: Volume, truth: NDArray[np.uint8], densify: Run
) -> None:
    values = (phantom.data * 100).astype(np.int16)
    write_series(tmp_path / "scan", replace(PLACES["rotated"], data=values))
    painted = np.where(np.arange(truth.shape[0])[:, None, None] == 9, truth + 1, 0)
    volume = read_any(tmp_path / "scan")
    write_volume(tmp_path / "painted.nii.gz", volume.like(painted.astype(np.uint8)))
    home = tmp_path / "x.densify"
    first = (tmp_path / "scan", tmp_path / "painted.nii.gz", "--out", home, "--seconds", 0.2)
    assert densify("train", *first)[0] == 0
    assert densify("nnunet", home, "--out", tmp_path / "Dataset001_Beside")[0] == 0
    (tmp_path / "far").mkdir()
    scan = (tmp_path / "scan").rename(tmp_path / "far" / "scan")
    out = ("--out", tmp_path / "Dataset002_Far")
    with pytest.raises(Problem, match="name it with --image"):
        densify("nnunet", home, *out)
    assert densify("nnunet", home, *out, "--image", scan)[0] == 0


def test_surfaces_that_are_there_are_not_made_again(
    project: Path, tmp_path: Path, densify: Run
) -> None:
    image = project.with_name("ct.nii.gz")
    shutil.copy(image, tmp_path / "a.nii.gz")
    batch = ("predict", project, tmp_path / "*.nii.gz", "--out", tmp_path / "out", "--format")
    assert "1 of 1 images are segmented" in densify(*batch, "stl")[2]
    written = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").iterdir()}
    assert {file.name for file in written} == {"a-structure-1.stl", "a-structure-2.stl"}
    assert "1 of them before" in densify(*batch, "stl")[2]
    assert written == {file: file.stat().st_mtime_ns for file in (tmp_path / "out").iterdir()}


@pytest.mark.parametrize("name", ["x.mhd", "x.nhdr"])
def test_a_header_that_leaves_its_voxels_elsewhere_is_not_written(
    project: Path, tmp_path: Path, densify: Run, name: str
) -> None:
    with pytest.raises(Problem, match=r"\.mha"):
        densify("export", project, "--out", tmp_path / name)
    assert not list(tmp_path.iterdir())
