"""The simulated user, its bookkeeping and the score."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_densify.cases.plane import Plane
from napari_densify.cases.problem import Problem
from napari_densify.cases.volume import Volume
from napari_densify.session.link import Settings
from napari_densify.session.news import Phase, Status
from napari_densify.session.robot import Robot
from napari_densify.session.score import dice
from napari_densify.session.session import Session
from napari_densify.session.simulate import Simulation, simulate


def test_the_first_three_slices_go_through_the_centre(truth: NDArray[np.uint8]) -> None:
    centre = np.argwhere(truth).mean(axis=0).round()
    planes = Robot(truth).planes(3)
    assert [plane.axis for plane in planes] == [0, 1, 2]
    assert [plane.position for plane in planes] == centre.tolist()


def test_further_slices_spread_over_the_structures(truth: NDArray[np.uint8]) -> None:
    planes = Robot(truth).planes(9)
    assert len(set(planes)) == 9
    assert [plane.axis for plane in planes] == [0, 1, 2] * 3
    for plane in planes:
        assert plane.take(truth).any()


def test_structures_far_from_each_others_centre_are_met_all_the_same() -> None:
    truth = np.zeros((16, 16, 16), np.uint8)
    truth[1:4, 1:5, 1:6] = 1
    truth[11:14, 11:14, 11:14] = 2
    planes = Robot(truth).planes(9)
    assert len(set(planes)) == 9
    for plane in planes:
        assert plane.take(truth).any()
    assert [plane.position for plane in planes[:3]] == [1, 1, 1], "where most of it is"


def test_slices_that_hold_one_class_only_are_refused() -> None:
    truth = np.zeros((8, 8, 8), np.uint8)
    truth[2:6] = 1
    with pytest.raises(Problem, match="one class only"):
        Robot(truth).planes(1)
    assert len(Robot(truth).planes(2)) == 2


def test_painting_a_slice_says_the_truth_of_every_pixel(truth: NDArray[np.uint8]) -> None:
    plane = Plane(1, 15)
    painted = np.zeros((24, 32), np.uint8)
    for stroke in Robot(truth).paint(plane):
        assert stroke.plane == plane
        assert not painted[stroke.mask].any()
        painted[stroke.mask] = stroke.label
    np.testing.assert_array_equal(painted, plane.take(truth) + 1)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_worst_slice_is_found_in_any_orientation(truth: NDArray[np.uint8], axis: int) -> None:
    prediction = truth + 1
    plane = Plane(axis, 11)
    plane.take(prediction)[:] = 9
    assert Robot(truth).worst(prediction) == plane


def test_only_what_is_wrong_is_corrected(truth: NDArray[np.uint8]) -> None:
    robot, plane = Robot(truth), Plane(0, 9)
    prediction = truth + 1
    prediction[9, 5:12] = 3
    wrong = plane.take(prediction) != plane.take(truth) + 1
    mended = prediction[9].copy()
    painted = np.zeros_like(wrong)
    for stroke in robot.correct(prediction, plane):
        mended[stroke.mask] = stroke.label
        painted |= stroke.mask
    np.testing.assert_array_equal(painted, wrong)
    np.testing.assert_array_equal(mended, truth[9] + 1)
    assert not list(robot.correct(truth + 1, plane))


def test_a_truth_without_structure_is_refused() -> None:
    with pytest.raises(Problem, match="no structure"):
        Robot(np.zeros((8, 8, 8), np.uint8))


def test_a_truth_that_is_one_structure_everywhere_is_refused() -> None:
    with pytest.raises(Problem, match="one structure everywhere"):
        Robot(np.full((8, 8, 8), 3, np.uint8))


def test_two_blobs_in_opposite_corners_are_learned(tiny: Settings) -> None:
    truth = np.zeros((16, 16, 16), np.uint8)
    truth[2:5, 2:5, 2:5] = truth[11:14, 11:14, 11:14] = 1
    noise = np.random.default_rng(0).normal(0, 0.1, truth.shape)
    session = Session(Volume((truth + noise).astype(np.float32)), settings=tiny)

    def watch(round_: int, status: Status) -> None:
        assert status.phase != Phase.WAITING, "there is nothing to learn from"

    run = simulate(Simulation(truth, session, slices=3, seconds=0.5), 0, watch)
    assert run.rounds[0].steps > 0


def test_dice_by_hand() -> None:
    truth = np.array([1, 2, 2, 2, 3, 3], np.uint8)
    guess = np.array([1, 2, 2, 3, 3, 0], np.uint8)
    scores = dice(guess, truth, [1, 2, 3, 4])
    assert scores == {1: 1.0, 2: pytest.approx(0.8), 3: pytest.approx(0.5), 4: 1.0}
    counted = np.array([True, True, True, False, False, False])
    assert dice(guess, truth, [2, 3], counted) == {2: 1.0, 3: 1.0}
    assert dice(np.zeros_like(truth), truth, [2]) == {2: 0.0}


def test_a_run_keeps_score_of_every_round(
    phantom: Volume, truth: NDArray[np.uint8], tiny: Settings
) -> None:
    session = Session(phantom, settings=tiny)
    simulation = Simulation(truth, session, slices=3, seconds=2)
    seen: set[int] = set()

    def watch(round_: int, status: Status) -> None:
        seen.add(round_)

    run = simulate(simulation, 1, watch).as_dict()
    assert seen == {0, 1}
    assert (run["image"], run["shape"], run["classes"]) == ("phantom", (24, 28, 32), [1, 2])
    first, second = run["rounds"]
    assert (first["round"], second["round"]) == (0, 1)
    assert (first["annotated_slices"], second["annotated_slices"]) == (3, 4)
    assert (
        second["annotated_voxels"]
        > first["annotated_voxels"]
        == (24 * 28 + 24 * 32 + 28 * 32 - 24 - 28 - 32 + 1)
    )
    assert second["steps"] > first["steps"] > 0
    assert first["wall_seconds"] >= first["train_seconds"] > 0
    assert second["dice_mean"] == pytest.approx(np.mean(list(second["dice"].values())), abs=1e-3)
    marks = session.annotation.marks
    assert session.annotation.round == 1
    assert marks["wrong"][marks["round"] == 1].all(), "it corrects nothing but mistakes"
