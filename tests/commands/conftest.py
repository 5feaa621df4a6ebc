"""A project as it was made at the command line, and commands as they are typed."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_densify.cases.formats import write_volume
from napari_densify.cases.volume import Volume
from napari_densify.cli import app
from tests.cases.test_round_trips import PLACES

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def project(
    tmp_path_factory: pytest.TempPathFactory, phantom: Volume, truth: NDArray[np.uint8]
) -> Path:
    """A project whose network has learned the phantom, an oblique image, for a second or two."""
    folder = tmp_path_factory.mktemp("project")
    painted = np.zeros(truth.shape, np.uint8)
    for index in (np.s_[9], np.s_[:, 19], np.s_[:, :, 16]):
        painted[index] = truth[index] + 1
    image = replace(PLACES["rotated"], data=phantom.data, unit="millimeter")
    write_volume(folder / "ct.nii.gz", image)
    write_volume(folder / "painted.nii.gz", image.like(painted))
    run = ["train", folder / "ct.nii.gz", folder / "painted.nii.gz", "--seconds", 2]
    app([*map(str, run), "--out", str(folder / "ct.densify")], standalone_mode=False)
    return folder / "ct.densify"


@pytest.fixture
def densify(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process: exit status, stdout, stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        status = app([*map(str, arguments)], standalone_mode=False)
        out, err = capsys.readouterr()
        return status or 0, out, err

    return run


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
