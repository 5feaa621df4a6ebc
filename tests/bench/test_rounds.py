"""What the correction rounds are made of, and what is read from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.effort import effort_rows, effort_table, rounds_table, voxels_to
from bench.rounds import ARMS, SliceRobot, play
from bench.volumes import Task
from napari_densify.cases import weight
from napari_densify.cases.volume import Volume
from napari_densify.learn import sampler
from napari_densify.session import schedule
from napari_densify.session.link import Settings


def test_voxels_to_a_dice_lie_between_the_rounds() -> None:
    points = [(100.0, 0.5), (400.0, 0.7), (1600.0, 0.9)]
    assert voxels_to(points, 0.4) == 100
    assert voxels_to(points, 0.6) == pytest.approx(200)
    assert voxels_to(points, 0.9) == pytest.approx(1600)
    assert voxels_to(points, 0.95) is None
    assert voxels_to([], 0.5) is None


def test_a_dice_that_was_reached_counts_though_it_fell_again() -> None:
    assert voxels_to([(100.0, 0.5), (200.0, 0.8), (400.0, 0.6)], 0.8) == pytest.approx(200)


def test_the_slice_robot_paints_twice_as_many_slices_every_round(truth: NDArray[np.uint8]) -> None:
    robot = SliceRobot(truth, 3)
    painted = set(robot.planes(3))
    for total in (6, 12):
        plane = robot.worst(truth)
        strokes = list(robot.correct(truth, plane))
        new = {s.plane for s in strokes}
        assert not new & painted
        painted |= new
        assert painted == set(robot.planes(total))
        assert sum(s.mask.sum() for s in strokes) == sum(p.take(truth).size for p in new)


@pytest.mark.parametrize("name", ["weights-on", "whole-slices", "no-balance"])
def test_rounds_end_at_their_step(
    phantom: Volume, truth: NDArray[np.uint8], tiny: Settings, name: str
) -> None:
    before = schedule.SLICE, weight.BALANCE, sampler.NEWEST
    task = Task("phantom", phantom, truth, slices=3)
    rounds = play(task, ARMS[name], tiny, rounds=1, seconds=0, steps=3)
    assert [r["steps"] for r in rounds] == [3, 6]
    assert rounds[1]["annotated_voxels"] > rounds[0]["annotated_voxels"]
    assert before == (schedule.SLICE, weight.BALANCE, sampler.NEWEST)


def test_what_is_accepted_is_annotated_but_not_painted(
    phantom: Volume, truth: NDArray[np.uint8], tiny: Settings
) -> None:
    task = Task("phantom", phantom, truth, slices=3)
    plain, accepted = (
        play(task, ARMS[name], tiny, rounds=1, seconds=0, steps=3)
        for name in ("weights-on", "accepted")
    )
    assert plain[1]["painted_voxels"] == plain[1]["annotated_voxels"]
    assert accepted[1]["painted_voxels"] == plain[1]["painted_voxels"]
    slices = accepted[0]["annotated_voxels"]
    assert accepted[1]["annotated_voxels"] - slices > 100  # all of a slice but what crosses it


def trial(arm: str, dices: list[float], voxels: list[int]) -> dict[str, Any]:
    rounds = [
        {"dice_mean": d, "dice_whole": d / 2, "painted_voxels": v}
        for d, v in zip(dices, voxels, strict=True)
    ]
    return {"volume": "v", "arm": arm, "seed": 0, "rounds": rounds}


def test_effort_is_compared_at_the_same_dice() -> None:
    trials = [
        trial("weights-on", [0.5, 0.8], [100, 400]),
        trial("weights-off", [0.5, 0.65], [100, 300]),
        trial("whole-slices", [0.5, 0.9], [100, 1600]),
        trial("no-replay", [0.5, 0.8], [100, 500]),
    ]
    (row,) = effort_rows(trials, "dice_mean")
    # Whole slices reach 0.8 at 100·16^(3/4) = 800 voxels; weights-on 0.65 at 100·4^(1/2) = 200.
    assert row["whole_slices"] == [pytest.approx(2.0)]
    assert row["edits"]["weights-off"] == [pytest.approx(0.5)]
    assert row["edits"]["no-replay"] == [pytest.approx(0.75)]
    cells = [next(iter(c.cells)) for c in effort_table([row], "dice_mean").columns]
    assert cells == ["v", "0.800", "2.00", "0.50", "0.75"]
    (row,) = effort_rows(trials, "dice_whole")
    assert row["dice"] == pytest.approx(0.4)
    assert row["whole_slices"] == [pytest.approx(2.0)]
    assert [c.header for c in rounds_table("v", trials).columns][1:] == [t["arm"] for t in trials]


def test_a_dice_that_whole_slices_do_not_reach_gives_a_bound() -> None:
    trials = [trial("weights-on", [0.5, 0.8], [1, 4]), trial("whole-slices", [0.5, 0.7], [1, 9])]
    (row,) = effort_rows(trials, "dice_mean")
    assert row["whole_slices"] == [None]
    assert [next(iter(c.cells)) for c in effort_table([row], "dice_mean").columns] == [
        "v",
        "0.800",
        "> 2.25",
    ]
