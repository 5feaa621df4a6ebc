"""Images of one project that are measured in other units, or by nobody."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_densify.cases.formats import read_any, read_segmentation, write_volume
from napari_densify.cases.place import cases_of
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Project
from napari_densify.cases.volume import Volume

from .conftest import Run


@pytest.fixture
def further(project: Path) -> Volume:
    """An image like the project's, but not that one: nothing is painted on it."""
    image = read_any(project.parent / "ct.nii.gz")
    return image.like(image.data * 2)


def test_an_image_is_predicted_alike_in_whichever_unit_it_is_measured(
    project: Path, further: Volume, tmp_path: Path, densify: Run
) -> None:
    assert Project.read(project).image.unit == "millimeter"
    scans, out = tmp_path / "scans", tmp_path / "out"
    write_volume(scans / "mm.nii.gz", further)
    write_volume(scans / "um.ome.tif", further.in_unit("micrometer"))
    write_volume(scans / "nobody.npy", further)
    assert densify("predict", project, scans, "--out", out)[0] == 0
    mm, um, nobody = (
        read_segmentation(out / f"{name}.nii.gz").data for name in ("mm", "um", "nobody")
    )
    assert (mm == 2).any()
    assert np.mean(mm == um) > 0.999
    assert np.mean(mm == nobody) > 0.999


def test_a_wrong_unit_is_told(project: Path, further: Volume, tmp_path: Path, densify: Run) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    write_volume(scans / "right.nii.gz", further)
    write_volume(scans / "wrong.ome.tif", replace(further, unit="nanometer"))
    status, _, said = densify("predict", project, scans, "--out", out)
    assert (status, [path.name for path in out.iterdir()]) == (1, ["right.nii.gz"])
    assert "nanometer) are 1,000,000 times smaller than the project's (" in " ".join(said.split())


def test_no_case_is_begun_of_an_image_in_a_wrong_unit(
    project: Path, further: Volume, tmp_path: Path, densify: Run
) -> None:
    shutil.copytree(project.parent, tmp_path / "scans")
    home, painted = (tmp_path / "scans" / name for name in ("ct.densify", "painted.nii.gz"))
    write_volume(tmp_path / "wrong.ome.tif", replace(further, unit="meter"))
    labels = further.like(read_any(painted).data)
    write_volume(tmp_path / "wrong_painted.ome.tif", replace(labels, unit="meter"))
    with pytest.raises(Problem, match="1,000 times larger than the project's"):
        densify("add", home, tmp_path / "wrong.ome.tif", tmp_path / "wrong_painted.ome.tif")
    assert cases_of(home) == [home]


def test_labels_in_another_unit_are_imported_where_they_lie(
    project: Path, tmp_path: Path, densify: Run
) -> None:
    shutil.copytree(project.parent, tmp_path / "scans")
    home, painted = (tmp_path / "scans" / name for name in ("ct.densify", "painted.nii.gz"))
    labels = read_any(painted)
    write_volume(tmp_path / "um.ome.tif", labels.in_unit("micrometer"))
    status, _, said = densify("import", home, tmp_path / "um.ome.tif")
    assert status == 0, said
    assert f"{np.count_nonzero(labels.data):,} voxels" in said
