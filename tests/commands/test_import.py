"""Labels that lie in one folder with their image."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_densify.cases.formats import read_any, write_volume
from napari_densify.cases.problem import Problem
from napari_densify.cases.stored import read_annotation
from napari_densify.cases.volume import Volume
from tests.cases.test_round_trips import PLACES

from .conftest import Run


def painted_in(home: Path) -> NDArray[np.uint8]:
    shape = read_any(home.with_name("ct.nii.gz")).shape
    return read_annotation(home, shape)[0].labels


def test_our_own_export_comes_back_as_what_was_exported(
    project: Path, tmp_path: Path, densify: Run
) -> None:
    shutil.copytree(project.parent, tmp_path / "p")
    home, seg = tmp_path / "p" / "ct.densify", tmp_path / "seg.ome.zarr"
    assert densify("export", home, "--out", seg)[0] == 0
    assert densify("export", home, "--out", tmp_path / "seg.nii.gz")[0] == 0
    before, labels = painted_in(home), read_any(tmp_path / "seg.nii.gz").data
    assert densify("import", home, seg)[0] == 0
    np.testing.assert_array_equal(painted_in(home), np.where(labels > 0, labels + 1, before))


@pytest.mark.parametrize("command", ["train", "add"])
def test_labels_beside_their_image_are_learned_from(
    project: Path, phantom: Volume, tmp_path: Path, densify: Run, command: str
) -> None:
    """And not the image, though it holds whole numbers, too."""
    shutil.copytree(project.parent, tmp_path / "p")
    home = tmp_path / "p" / "ct.densify"
    painted = read_any(home.with_name("painted.nii.gz"))
    values = (phantom.data * 20 + 60).clip(0, 200).astype(np.uint8)
    image = replace(PLACES["rotated"], data=values, unit="millimeter")
    file = tmp_path / "both.ome.zarr"
    write_volume(file, image.like(painted.data), image=image)
    given = (file, file, "--out", home) if command == "train" else (home, file, file)
    if command == "train":
        shutil.rmtree(home)
    assert densify(command, *given, "--seconds", 0.2)[0] == 0
    case = home if command == "train" else home / "cases" / "both.densify"
    np.testing.assert_array_equal(read_annotation(case, image.shape)[0].labels, painted.data)


def test_labels_that_cannot_be_found_in_a_folder_end_in_a_sentence(
    project: Path, tmp_path: Path, densify: Run
) -> None:
    image = read_any(project.with_name("ct.nii.gz"))
    file = tmp_path / "both.ome.zarr"
    write_volume(file, image.like(np.ones(image.shape, np.uint8)), image=image)
    (file / "labels" / "zarr.json").write_text("{")
    with pytest.raises(Problem, match="is it damaged"):
        densify("import", project, file)
