from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_densify.cases.box import Box, tiles
from napari_densify.cases.plane import Plane
from napari_densify.cases.volume import Volume
from napari_densify.learn import forest_map
from napari_densify.learn.first_guess import _telling_folds
from napari_densify.learn.folds import FOLDS
from napari_densify.learn.forest import Forest
from napari_densify.learn.forests import FEW, SHOWN, TREES
from napari_densify.learn.learner import Learner
from napari_densify.session.score import dice
from tests.learn.test_learner import PLANES, make, paint


@pytest.fixture
def learner(phantom: Volume, truth: NDArray[np.uint8]) -> Learner:
    """A learner with a guess from three slices, and no training."""
    learner = make(phantom.data)
    for plane in PLANES:
        paint(learner, plane, truth)
    learner.guess_anew()
    return learner


def labels(learner: Learner, held_out: int = SHOWN) -> NDArray[np.uint8]:
    logits = learner.case.guess.read(Box((0, 0, 0), learner.case.bank.shape), held_out)
    return np.array(learner.classes, np.uint8)[logits.argmax(-1)]


def test_three_slices_give_a_dense_segmentation_without_training(
    learner: Learner, truth: NDArray[np.uint8]
) -> None:
    free = learner.annotation.labels == 0
    assert min(dice(labels(learner), truth + 1, [2, 3], free).values()) > 0.6
    everywhere = learner.predict(Box((0, 0, 0), truth.shape))
    assert (np.array(learner.classes, np.uint8)[everywhere.argmax(0)] == labels(learner)).all()


def test_the_network_begins_with_the_guess_as_it_is(learner: Learner) -> None:
    count = len(learner.classes)
    values = torch.randn(2, learner.case.inputs.channels + count, 8, 8, 8)
    with torch.no_grad():
        logits = learner.trainer.logits(values)
    torch.testing.assert_close(logits, values[:, learner.case.bank.channels : -count])


def test_reading_by_boxes_gives_what_reading_the_whole_does(learner: Learner) -> None:
    expected = learner.case.guess.read(Box((0, 0, 0), learner.case.bank.shape)).copy()
    learner.guess_anew()  # the same again, and nothing is known of it yet
    for box in tiles(learner.case.bank.shape, (5, 9, 13)):
        np.testing.assert_array_equal(learner.case.guess.read(box), expected[box.slices])


def test_a_slice_is_guessed_without_having_been_seen(
    phantom: Volume, truth: NDArray[np.uint8]
) -> None:
    """Nonsense on one slice is in the guess of the others, not in the one for that slice."""
    learner = make(phantom.data)
    for plane in PLANES[1:]:
        paint(learner, plane, truth)
    nonsense = 2 - truth
    paint(learner, PLANES[0], nonsense)
    learner.guess_anew()
    plane = PLANES[0].voxels(np.ones(truth.shape[1:], bool), truth.shape)
    fold = int(np.bincount(learner.case.guess.folds.at(plane)).argmax())
    told = PLANES[0].take(nonsense) + 1
    there = [(PLANES[0].take(labels(learner, f)) == told).mean() for f in (fold, SHOWN)]
    assert there[0] < 0.3
    assert there[1] > 0.8


def test_it_is_fitted_even_if_a_fold_is_all_there_is_of_a_class(phantom: Volume) -> None:
    learner = make(phantom.data)
    for k, voxels in enumerate(([3], [4], range(800, 900))):
        edit = learner.annotation.change(np.array(voxels), k + 1)
        assert edit is not None
        learner.apply(edit)
    learner.guess_anew()
    for held_out in range(FOLDS + 1):
        assert np.isfinite(learner.case.guess.read(Box((0, 0, 0), (9, 9, 9)), held_out)).all()


def test_one_class_is_no_guess(phantom: Volume, truth: NDArray[np.uint8]) -> None:
    learner = make(phantom.data)
    paint(learner, Plane(0, 9), np.zeros_like(truth))
    with pytest.raises(ValueError, match="two annotated classes"):
        learner.guess_anew()


def test_groups_of_voxels_that_are_sure_need_not_be_asked_one_by_one(
    learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    probability = Forest.probability

    def counting(self: Forest, rows: NDArray[np.float32], threads: int) -> NDArray[np.float32]:
        asked.append(len(rows))
        return probability(self, rows, threads)

    monkeypatch.setattr(Forest, "probability", counting)
    quick = labels(learner)
    assert sum(asked) < quick.size
    monkeypatch.setattr(forest_map, "SURE", 2.0)
    learner.guess_anew()
    asked.clear()
    assert (labels(learner) == quick).mean() > 0.999
    assert sum(asked) == quick.size


def test_the_very_first_guess_is_shown_before_all_of_its_trees_have_grown(
    phantom: Volume, truth: NDArray[np.uint8]
) -> None:
    learner = make(phantom.data)
    for plane in PLANES:
        paint(learner, plane, truth)
    stages, trees = [], []
    while not stages or stages[-1] != "done":
        stages.append(learner.guess_anew(interrupt=lambda: True))
        forest = learner.forests[SHOWN]
        if stages[-1] == "shown":
            assert forest is not None
            trees.append(len(forest.trees))
        assert (forest is None) == ("shown" not in stages)
    assert FEW <= trees[0] < trees[1] == TREES
    assert len(trees) == 2


def test_a_fit_that_is_interrupted_goes_on_and_comes_to_the_same(
    learner: Learner, truth: NDArray[np.uint8]
) -> None:
    before = labels(learner)
    paint(learner, Plane(0, 14), truth)
    stages = []
    while not stages or stages[-1] != "done":
        stages.append(learner.guess_anew(interrupt=lambda: True))
        if "shown" not in stages:
            np.testing.assert_array_equal(labels(learner), before)
    assert len(stages) > 10
    assert stages.count("shown") == 1
    after = [labels(learner, f) for f in range(FOLDS + 1)]
    assert (after[SHOWN] != before).any()
    learner.guess_anew()
    for held_out, expected in enumerate(after):
        np.testing.assert_array_equal(labels(learner, held_out), expected)


def test_a_class_of_one_plane_is_not_denied_by_the_guess_that_has_not_seen_it() -> None:
    shape = (20, 20, 20)
    labels = np.zeros(shape, int)
    labels[5], labels[:, 7], labels[:, :, 9] = 1, 1, 1
    labels[5, :8], labels[:8, 7] = 2, 2
    where = np.flatnonzero(labels)
    assert _telling_folds(where, labels.reshape(-1)[where] - 1, shape).planes
    labels[5, 12:] = 3
    assert not _telling_folds(where, labels.reshape(-1)[where] - 1, shape).planes
