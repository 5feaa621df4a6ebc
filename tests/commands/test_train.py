"""Training at the command line: from which image, until when."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_densify.cases.formats import read_any, write_volume
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import describe
from napari_densify.cases.volume import Volume, content_hash
from napari_densify.cli import app
from napari_densify.cli.case import find_image
from napari_densify.learn import trainer
from tests.cases.dicom_files import write_series
from tests.cases.test_round_trips import PLACES

from .conftest import Run


def test_training_ends_once_it_has_learned_what_is_painted(
    project: Path, tmp_path: Path, densify: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "RESTS", 0.05)
    image, painted = project.parent / "ct.nii.gz", project.parent / "painted.nii.gz"
    out = tmp_path / "other.densify"
    status, _, err = densify("train", image, painted, "--out", out, "--seconds", 1_000_000)
    assert status == 0, err
    assert out.is_dir()


def test_channels_that_are_images_of_their_own_are_found_on_the_disk(
    tmp_path: Path, phantom: Volume
) -> None:
    parts = [phantom.data, phantom.data + 1]
    stack = []
    for name, data in zip("ab", parts, strict=True):
        write_volume(tmp_path / f"{name}.nii.gz", Volume(data))
        stack.append((tmp_path / f"{name}.nii.gz", content_hash(Volume(data))))
    both = Volume(np.stack(parts))
    about = describe(both, tmp_path / "a.nii.gz", content_hash(both), stack)
    found = find_image(tmp_path, about)
    assert found is not None
    np.testing.assert_array_equal(found[0].channels, both.channels)
    assert found[1] == tmp_path / "a.nii.gz"
    write_volume(tmp_path / "b.nii.gz", Volume(parts[0]))
    assert find_image(tmp_path, about) is None, "it is another image now"


def test_a_further_case_learns_from_a_dicom_series_too(
    tmp_path: Path, phantom: Volume, truth: NDArray[np.uint8], densify: Run
) -> None:
    series = replace(PLACES["rotated"], data=(phantom.data * 100).astype(np.int16))
    write_series(tmp_path / "scan", series)
    volume = read_any(tmp_path / "scan")
    painted = np.zeros(volume.shape, np.uint8)
    painted[9] = truth[9] + 1
    write_volume(tmp_path / "painted.nii.gz", volume.like(painted))
    write_volume(tmp_path / "next.nii.gz", volume.like(volume.data + 5))
    home = tmp_path / "x.densify"
    first = (tmp_path / "scan", tmp_path / "painted.nii.gz", "--out", home, "--seconds", 0.2)
    assert densify("train", *first)[0] == 0
    further = (home, tmp_path / "next.nii.gz", tmp_path / "painted.nii.gz", "--seconds", 0.2)
    status, _, said = densify("add", *further)
    assert status == 0
    assert "not where it was" not in said


def test_labels_that_lie_elsewhere_are_not_learned_from(project: Path, tmp_path: Path) -> None:
    image, painted = project.with_name("ct.nii.gz"), read_any(project.with_name("painted.nii.gz"))
    write_volume(tmp_path / "painted.nii.gz", replace(painted, origin=(500.0, 0.0, 0.0)))
    run = ["train", image, tmp_path / "painted.nii.gz", "--out", tmp_path / "x.densify"]
    with pytest.raises(Problem, match="lies elsewhere"):
        app([*map(str, run)], standalone_mode=False)
