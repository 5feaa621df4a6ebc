"""The commands in the guides on files and batches do what the guides say."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_densify.cases.formats import write_volume
from napari_densify.cases.volume import Volume
from napari_densify.cli import app

from .cases.dicom_files import write_series
from .cases.test_round_trips import PLACES
from .conftest import ROOT

MADE = {
    "formats.md": {
        *("ct_seg.nii.gz", "ct_seg.seg.nrrd", "ct_seg_provenance.nii.gz", "ct_seg.ome.zarr"),
        *("ct_seg_probabilities.ome.zarr", "ct_surface-structure-1.stl", "ct_volumes.csv"),
    },
    "batch.md": {
        *("results/a.nii.gz", "results/b.nii.gz", "slicer/a.seg.nrrd", "slicer/b.seg.nrrd"),
        *("volumes.csv", "scores.csv", "a_seg.nii.gz"),
    },
}
BEFORE = ["train ct.nii.gz ct_painted.nii.gz --out ct.densify --seconds 1"]


def commands(guide: str) -> list[str]:
    """The commands in a guide's blocks of shell."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / guide).read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert all(line.startswith("napari-densify ") for line in lines)
    return [line.removeprefix("napari-densify ") for line in lines]


@pytest.fixture
def folder(
    tmp_path: Path, phantom: Volume, truth: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """What the guides speak of."""
    image = replace(PLACES["rotated"], data=phantom.data, unit="millimeter")
    painted = np.zeros(truth.shape, np.uint8)
    for index in (np.s_[9], np.s_[:, 19], np.s_[:, :, 16]):
        painted[index] = truth[index] + 1
    write_volume(tmp_path / "ct.nii.gz", image)
    write_volume(tmp_path / "ct_painted.nii.gz", image.like(painted))
    for name in "ab":
        write_volume(tmp_path / "scans" / f"{name}.nii.gz", image)
        write_volume(tmp_path / "truths" / f"{name}_truth.nii.gz", image.like(truth))
    series = image.like((image.data * 100).astype(np.int16))
    write_series(tmp_path / "scan", series)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("guide", MADE)
def test_the_commands_of_a_guide(folder: Path, guide: str) -> None:
    told = commands(guide)
    trained = any(line.startswith("train") for line in told)
    for line in told if trained else BEFORE + told:
        arguments = shlex.split(re.sub(r"--seconds \d+", "--seconds 1", line))
        assert not app(arguments, standalone_mode=False), line
    assert [name for name in MADE[guide] if not (folder / name).exists()] == []
