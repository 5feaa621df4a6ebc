"""Methods that take turns in processes of their own."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.lane import Options, Screen
from bench.peers.forests import random_forest
from bench.trial import trial
from bench.volumes import Task, names
from napari_densify.cases.problem import Problem
from napari_densify.cases.volume import Volume

OPTIONS = Options(threads=1, device="cpu", seed=1, marks=(0.3, 0.6), rates=False)


def sees_the_truth(task: Task, options: Options, screen: Screen) -> dict[str, Any]:
    """Shows the truth at once and then works on until the last mark."""
    screen.ready()
    with screen.standstill():
        time.sleep(1)
    screen.show(task.robot.truth)
    while screen.seconds < options.marks[-1]:
        time.sleep(0.01)
        screen.pause()
    return {"seconds": screen.seconds}


def is_late(task: Task, options: Options, screen: Screen) -> dict[str, Any]:
    """Has a result after the first mark, all of it background."""
    screen.ready()
    time.sleep(0.4)
    screen.show(np.ones(task.volume.shape, np.uint8))
    return {}


def breaks(task: Task, options: Options, screen: Screen) -> dict[str, Any]:
    """Does not get far."""
    screen.ready()
    raise MemoryError("no room")


def test_methods_take_turns_on_clocks_of_their_own(
    phantom: Volume, truth: NDArray[np.uint8]
) -> None:
    methods = {"truth": sees_the_truth, "late": is_late, "broken": breaks}
    task = Task("phantom", phantom, truth, slices=3)
    results = {r.method: r for r in trial(task, methods, OPTIONS, surface=False)}
    assert list(results) == ["late", "broken", "truth"]  # the seed says who begins
    best = results["truth"]
    assert best.curve.first < 0.3
    assert best.curve.dice(0.3) == 1
    assert 0.6 <= best.facts["seconds"] < 1.5
    late = results["late"].curve
    assert late.at(0.3) is None
    assert late.first >= 0.4
    assert late.dice(0.6) == 0
    assert "no room" in results["broken"].failure


def test_the_forest_gets_all_threads(
    phantom: Volume, truth: NDArray[np.uint8], capfd: pytest.CaptureFixture[str]
) -> None:
    task, options = Task("phantom", phantom, truth, slices=3), replace(OPTIONS, threads=2)
    (result,) = trial(task, {"forest": random_forest}, options, surface=False)
    assert not result.failure
    assert "n_jobs=1" not in capfd.readouterr().err


def test_groups_of_volumes_are_spelt_out() -> None:
    assert names(["hippocampus_004", "hippocampus"])[0] == "hippocampus_004"
    assert len(names(["hippocampus_004", "hippocampus"])) == 6
    assert "brain" in names(["all"])
    with pytest.raises(Problem, match="There is no volume"):
        names(["liver"])
