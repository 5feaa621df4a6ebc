"""Robots that correct suggested, spaced and random slices, and what is read from their rounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.rounds import play
from bench.suggestions import (
    ARMS,
    RandomRobot,
    SpacedRobot,
    SuggestedRobot,
    corrected_table,
    corrected_to,
)
from bench.volumes import Task
from napari_densify.cases.box import Box
from napari_densify.cases.volume import Volume
from napari_densify.session.link import Settings
from napari_densify.session.news import Block
from napari_densify.session.session import Session


@pytest.fixture
def task(phantom: Volume, truth: NDArray[np.uint8]) -> Task:
    return Task("phantom", phantom, truth, slices=3)


def test_no_robot_corrects_a_slice_twice(task: Task, truth: NDArray[np.uint8]) -> None:
    session = Session(task.volume)
    session.paint(np.arange(9), np.arange(1, 10, dtype=np.uint8) % 2 + 1)
    doubt = np.random.default_rng(0).integers(0, 256, truth.shape).astype(np.uint8)
    session.take(Block(Box((0, 0, 0), truth.shape), truth + 1, doubt))
    for make in (SuggestedRobot, SpacedRobot, RandomRobot):
        robot = make(task, session)
        planes = [robot.worst(truth + 1) for _ in range(6)]
        assert len(set(planes)) == 6, make
    assert sum(map(len, session.checked.slices)) == 6


def test_suggested_slices_are_played(task: Task, tiny: Settings) -> None:
    rounds = play(task, ARMS["suggested"], tiny, rounds=1, seconds=0, steps=3)
    assert [r["steps"] for r in rounds] == [3, 6]
    assert rounds[1]["annotated_voxels"] > rounds[0]["annotated_voxels"]


def test_slices_up_to_a_dice_are_counted_between_the_rounds() -> None:
    assert corrected_to([0.5, 0.7, 0.9], 0.4) == 0
    assert corrected_to([0.5, 0.7, 0.9], 0.8) == pytest.approx(1.5)
    assert corrected_to([0.5, 0.7, 0.6], 0.7) == 1
    assert corrected_to([0.5, 0.7], 0.8) is None


def trial(arm: str, seed: int, dices: list[float]) -> dict[str, Any]:
    rounds = [{"dice_mean": d, "dice_whole": d} for d in dices]
    return {"volume": "v", "arm": arm, "seed": seed, "rounds": rounds}


def test_arms_are_compared_at_the_dice_that_all_of_them_reach() -> None:
    trials = [
        trial("suggested", 0, [0.5, 0.8, 0.9]),
        trial("random", 0, [0.5, 0.6, 0.7]),
        trial("suggested", 1, [0.5, 0.6, 0.8]),
        trial("random", 1, [0.5, 0.9, 0.8]),
    ]
    table = corrected_table(trials, "dice_whole")
    cells = [next(iter(column.cells)) for column in table.columns]
    # 0.7 after 2/3 of a slice, and 0.8 after 2; by chance after 2, and after 3/4.
    assert cells == ["v", "0.750", "1.3 (0.7…2.0)", "1.4 (0.8…2.0)"]
