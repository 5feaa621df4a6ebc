"""Projects that are damaged in part: what is there is used, and what is not is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.formats import read_any, write_volume
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label
from napari_densify.cases.reference import describe
from napari_densify.cases.volume import content_hash

from .conftest import Run, table

OUT = {"export": "x.nii.gz", "nnunet": "Dataset001_A"}


@pytest.fixture
def home(project: Path, tmp_path: Path) -> Path:
    """A copy of the project, which may be damaged."""
    shutil.copytree(project.parent, tmp_path / "p")
    return tmp_path / "p" / "ct.densify"


def flip(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 0xFF
    file.write_bytes(content)


def damage_prediction(home: Path) -> None:
    chunk = home / "prediction.zarr" / "labels" / "c" / "0" / "0" / "0"
    flip(chunk, chunk.stat().st_size // 2)


def damage_journal(home: Path) -> None:
    """The first of two strokes cannot be read any more."""
    end = (home / "journal").stat().st_size
    kept = ProjectFolder(home)
    for label in (2, 3):
        edit = kept.annotation.change(np.arange(30), label)
        assert edit is not None
        kept.commit(edit)
    kept.close()
    flip(home / "journal", end + 20)


@pytest.mark.parametrize("also", [(), ("--probabilities",)])
def test_a_damaged_prediction_is_made_anew_for_an_export(
    home: Path, tmp_path: Path, densify: Run, also: tuple[str, ...]
) -> None:
    assert densify("export", home, "--out", tmp_path / "whole.nii.gz")[0] == 0
    damage_prediction(home)
    status, _, said = densify("export", home, "--out", tmp_path / "x.nii.gz", *also)
    assert status == 0
    assert "The stored prediction is damaged; it is made anew." in said
    anew, whole = (read_any(tmp_path / name).data for name in ("x.nii.gz", "whole.nii.gz"))
    assert (anew == whole).mean() > 0.98
    assert densify("export", home, "--out", tmp_path / "x.csv")[0] == 0
    assert all(int(row["voxels"]) > 500 for row in table(tmp_path / "x.csv"))


def test_a_damaged_prediction_without_a_network_is_not_exported(
    home: Path, tmp_path: Path, densify: Run
) -> None:
    damage_prediction(home)
    shutil.rmtree(home / "model")
    with pytest.raises(Problem, match="no trained model"):
        densify("export", home, "--out", tmp_path / "x.nii.gz")
    assert not (tmp_path / "x.nii.gz").exists()


@pytest.mark.parametrize("command", ["export", "nnunet", "info"])
def test_strokes_that_a_journal_has_lost_are_said_by_what_only_reads_it(
    home: Path, tmp_path: Path, densify: Run, command: str
) -> None:
    damage_journal(home)
    before = (home / "journal").read_bytes()
    out = () if command == "info" else ("--out", tmp_path / OUT[command])
    status, _, said = densify(command, home, *out)
    assert status == 0
    assert said.count("in the journal cannot be read and were left out") == 1
    assert "was left as it is" in said
    assert (home / "journal").read_bytes() == before
    assert not (home / "journal.damaged").exists()


@pytest.mark.parametrize("command", ["import", "add"])
def test_strokes_that_a_journal_has_lost_are_said_by_what_goes_on_with_it(
    home: Path, densify: Run, command: str
) -> None:
    damage_journal(home)
    image, labels = (home.with_name(f"{name}.nii.gz") for name in ("ct", "painted"))
    given = (labels,) if command == "import" else (image, labels, "--seconds", 0.2)
    status, _, said = densify(command, home, *given)
    assert status == 0
    assert said.count("in the journal cannot be read and were left out") == 1
    assert "is kept as journal.damaged" in said


def test_channels_that_are_files_of_their_own_are_never_written_over(
    home: Path, densify: Run
) -> None:
    first = read_any(home.with_name("ct.nii.gz"))
    second = first.like(first.data * 2)
    write_volume(home.with_name("t2.nii.gz"), second)
    both = first.like(np.stack([first.data, second.data]))
    stack = [(home.with_name(f"{name}.nii.gz"), content_hash(each))
             for name, each in (("ct", first), ("t2", second))]  # fmt: skip
    about = describe(both, stack[0][0], content_hash(both), stack)
    place = home.with_name("both.densify")
    folder = ProjectFolder(place, about, [Label(label=k, name=f"class {k}") for k in (1, 2, 3)])
    edit = folder.annotation.change(np.arange(30), 2)
    assert edit is not None
    folder.commit(edit)
    folder.close()
    before = home.with_name("t2.nii.gz").read_bytes()
    for name in ("ct.nii.gz", "t2.nii.gz"):
        with pytest.raises(Problem, match="is an image itself"):
            densify("export", place, "--out", home.with_name(name))
    assert home.with_name("t2.nii.gz").read_bytes() == before
    assert densify("export", place, "--out", home.with_name("x.nii.gz"))[0] == 0
