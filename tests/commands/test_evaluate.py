"""Scores of predictions against a truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_densify.cases.formats import write_volume
from napari_densify.cases.problem import Problem
from napari_densify.cases.volume import Volume
from tests.cases.test_round_trips import PLACES

from .conftest import Run, table


def boxes(shift: int = 0, grow: int = 0) -> NDArray[np.uint8]:
    labels = np.zeros((20, 24, 28), np.uint8)
    labels[4:10, 5 + shift : 15 + shift, 6:16] = 1
    labels[12:18, 5:15, 6 : 16 + grow] = 2
    return labels


def test_scores_that_can_be_told_by_hand(tmp_path: Path, densify: Run) -> None:
    place = replace(PLACES["rotated"], spacing=(2.0, 1.0, 0.5))
    for folder, labels in (("mine", boxes(shift=2, grow=3)), ("true", boxes())):
        kind = {"mine": "x_seg.nrrd", "true": "x_truth.nii.gz"}[folder]
        write_volume(tmp_path / folder / kind, replace(place, data=labels))
    scores = tmp_path / "scores.csv"
    mine, true = tmp_path / "mine", tmp_path / "true"
    status, shown, _ = densify("evaluate", mine, true, "--csv", scores, "--tolerance", 0.6)
    assert status == 0
    assert "0.8000" in shown
    first, second = table(scores)
    # Eight of ten rows overlap; the surfaces are two rows of 1 apart.
    assert (first["dice"], first["hausdorff 95"]) == ("0.8000", "2.0000")
    assert (first["voxels"], first["true voxels"]) == ("600", "600")
    assert float(first["volume difference"]) == 0
    # 13 columns instead of 10, of 0.5 each.
    assert float(second["dice"]) == pytest.approx(20 / 23, abs=1e-4)
    assert second["hausdorff 95"] == "1.5000"
    assert float(second["volume difference"]) == pytest.approx(0.3)
    assert 0 < float(first["surface dice"]) < 1
    densify("evaluate", mine, true, "--csv", scores, "--tolerance", 3)
    assert [row["surface dice"] for row in table(scores)] == ["1.0000", "1.0000"]


def test_folders_are_matched_by_name(tmp_path: Path, densify: Run) -> None:
    for number in (1, 2, 3):
        write_volume(tmp_path / "mine" / f"case_{number}_image.mha", Volume(boxes()))
    write_volume(tmp_path / "true" / "case_1_truth.mha", Volume(boxes()))
    write_volume(tmp_path / "true" / "case_2_truth.mha", Volume(boxes()[:12]))
    empty = np.where(boxes() == 1, 1, 0).astype(np.uint8)
    write_volume(tmp_path / "true" / "case_3_truth.mha", Volume(empty))
    status, shown, said = densify("evaluate", tmp_path / "mine", tmp_path / "true",
                                  "--csv", tmp_path / "s.csv")  # fmt: skip
    assert status == 1
    assert "case_2_image.mha: case_2_image.mha is 20 × 24 × 28 voxels but its truth is" in said
    rows = {(r["file"], r["label"]): r for r in table(tmp_path / "s.csv")}
    assert rows["case_1_image", "2"]["dice"] == "1.0000"
    absent = rows["case_3_image", "2"]
    assert (absent["dice"], absent["hausdorff 95"], absent["volume difference"]) == (
        "0.0000", "", "",
    )  # fmt: skip
    assert "mean" in shown
    (tmp_path / "true" / "case_1_truth.mha").unlink()
    status, _, said = densify("evaluate", tmp_path / "mine", tmp_path / "true")
    assert (status, "case_1_image.mha: There is no truth of that name." in said) == (1, True)


def test_what_lies_elsewhere_is_not_compared(tmp_path: Path, densify: Run) -> None:
    write_volume(tmp_path / "x.nrrd", Volume(boxes()))
    write_volume(tmp_path / "y.nrrd", replace(PLACES["flipped"], data=boxes()))
    with pytest.raises(Problem, match=r"lie .* apart"):
        densify("evaluate", tmp_path / "x.nrrd", tmp_path / "y.nrrd")
    with pytest.raises(Problem, match="There is no file"):
        densify("evaluate", tmp_path / "x.nrrd", tmp_path / "gone.nrrd")


def test_places_are_compared_in_one_unit_and_only_where_they_are_known(
    tmp_path: Path, densify: Run
) -> None:
    labels = Volume(boxes(), (2.0, 0.5, 0.5), (3.0, 4.0, 5.0), unit="micrometer")
    write_volume(tmp_path / "truth.ome.zarr", labels, image=labels)
    for name, mine in (("other.ome.tif", labels.in_unit("nanometer")), ("bare.npy", labels)):
        write_volume(tmp_path / name, mine)
        assert densify("evaluate", tmp_path / name, tmp_path / "truth.ome.zarr")[0] == 0
    elsewhere = replace(labels, origin=(3.0, 4.0, 6.0)).in_unit("nanometer")
    write_volume(tmp_path / "elsewhere.ome.tif", elsewhere)
    with pytest.raises(Problem, match=r"lie 1 apart"):
        densify("evaluate", tmp_path / "elsewhere.ome.tif", tmp_path / "truth.ome.zarr")


def test_the_truth_is_never_written_over(tmp_path: Path, densify: Run) -> None:
    truth = tmp_path / "truth.nii.gz"
    write_volume(truth, Volume(boxes(), name="truth"))
    before = truth.read_bytes()
    with pytest.raises(Problem, match="another name"):
        densify("evaluate", truth, truth, "--csv", truth)
    with pytest.raises(Problem, match="another name"):
        densify("simulate", truth, truth, "--out", truth)
    assert truth.read_bytes() == before


def test_one_file_in_each_folder_is_a_pair_only_by_its_name(tmp_path: Path, densify: Run) -> None:
    mine, true = tmp_path / "mine" / "case002_seg.mha", tmp_path / "true" / "case001.mha"
    for file in (mine, true):
        write_volume(file, Volume(boxes()))
    with pytest.raises(Problem, match="No name of a prediction is that of a truth"):
        densify("evaluate", mine.parent, true.parent)
    assert densify("evaluate", mine, true)[0] == 0, "files that were named are what is meant"


def test_a_truth_without_a_prediction_is_named(tmp_path: Path, densify: Run) -> None:
    for name in ("mine/case001_seg", "true/case001_truth", "true/case003_truth"):
        write_volume(tmp_path / f"{name}.mha", Volume(boxes()))
    mine, true = tmp_path / "mine", tmp_path / "true"
    status, shown, said = densify("evaluate", mine, true)
    assert (status, "1.0000" in shown) == (1, True)
    assert said.splitlines()[-1] == "case003_truth.mha: There is no prediction of that name."
    assert densify("evaluate", mine / "case001_seg.mha", true)[0] == 0, "it was not asked for"
    write_volume(mine / "case001_seg.mha", Volume(boxes()[:12]))
    status, _, said = densify("evaluate", mine, true)
    assert (status, len(said.strip().splitlines())) == (1, 2), "both are said"


def test_what_lies_beside_our_results_is_no_prediction(tmp_path: Path, densify: Run) -> None:
    mine, true = tmp_path / "mine", tmp_path / "true"
    for file in (mine / "a.seg.nrrd", mine / "b.nii.gz", true / "a.mha", true / "b.mha"):
        write_volume(file, Volume(boxes()))
    chance = Volume(np.full((3, *boxes().shape), 1 / 3, np.float32))
    for name in ("a_probabilities", "b_probabilities"):
        write_volume(mine / f"{name}.nii.gz", chance)
    write_volume(mine / "b_provenance.nii.gz", Volume(boxes()))
    status, _, said = densify("evaluate", mine, true, "--csv", tmp_path / "s.csv")
    assert (status, said.strip()) == (0, "")
    assert {row["file"] for row in table(tmp_path / "s.csv")} == {"a", "b"}
    write_volume(mine / "c_probabilities.nii.gz", chance)
    status, _, said = densify("evaluate", mine, true)
    assert (status, "c_probabilities.nii.gz: There is no truth of that name." in said) == (1, True)
