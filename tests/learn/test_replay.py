"""Several cases, one network: what is learned in one is known in the next, and stays."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import zoom

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box
from napari_densify.cases.edit import Edit
from napari_densify.cases.plane import Plane
from napari_densify.learn.forests import SHOWN
from napari_densify.learn.learner import Learner
from napari_densify.learn.unet import compact

LEVELS = compact((8, 8))
PLANES = [Plane(0, 12), Plane(1, 12), Plane(2, 12)]


def ball(shape: tuple[int, ...], centre: tuple[float, ...], seed: int) -> tuple[NDArray, NDArray]:
    at = np.meshgrid(*map(np.arange, shape), indexing="ij")
    far = np.sqrt(sum((a - c) ** 2 for a, c in zip(at, centre, strict=True)))
    truth = (far < 6).astype(np.uint8)
    noise = np.random.default_rng(seed).normal(0, 0.3, shape)
    return (truth + noise).astype(np.float32), truth


def painted(truth: NDArray[np.uint8]) -> Edit:
    annotation = Annotation(truth.shape)
    for plane in PLANES:
        where = plane.voxels(np.ones(plane.take(truth).shape, bool), truth.shape)
        edit = annotation.change(where, plane.take(truth).ravel() + 1)
        if edit is not None:
            annotation.apply(edit)
    return annotation.everything()


def found(learner: Learner, truth: NDArray[np.uint8]) -> float:
    whole = Box((0, 0, 0), learner.annotation.shape)
    said = learner.predict(whole).argmax(0) == learner.classes.index(2)
    return float(2 * (said & (truth > 0)).sum() / (said.sum() + truth.sum()))


def test_a_case_without_annotation_is_known_from_another() -> None:
    image, truth = ball((24, 24, 24), (12, 12, 12), 0)
    next_image, next_truth = ball((24, 24, 24), (13, 10, 12), 1)
    learner = Learner(next_image[None], (1.0,) * 3, levels=LEVELS)
    assert not learner.ready
    learner.replay(image[None], (1.0,) * 3, painted(truth))
    assert learner.ready
    learner.advance(0.5)
    assert found(learner, next_truth) > 0.8


def test_a_case_of_other_voxels_and_brightness_is_known_from_another() -> None:
    image, truth = ball((24, 24, 24), (12, 12, 12), 0)
    next_image, next_truth = ball((24, 24, 24), (13, 10, 12), 1)
    thick = zoom(next_image, (0.5, 1, 1), order=1)
    learner = Learner(
        300 + 50 * thick[None], (2.0, 1.0, 1.0), levels=LEVELS, wanted=(1.0, 1.0, 1.0)
    )
    learner.replay(image[None], (1.0,) * 3, painted(truth))
    learner.guess_anew()
    assert found(learner, zoom(next_truth, (0.5, 1, 1), order=0)) > 0.7


def test_corrections_of_a_case_of_other_voxels_are_learned() -> None:
    _, truth = ball((12, 24, 24), (6, 12, 12), 0)
    image = truth + np.random.default_rng(0).normal(0, 0.3, truth.shape).astype(np.float32)
    learner = Learner(image[None], (2.0, 1.0, 1.0), levels=LEVELS, wanted=(1.0, 1.0, 1.0))
    annotation = Annotation(truth.shape)
    for plane in (Plane(0, 6), Plane(1, 12)):
        where = plane.voxels(np.ones(plane.take(truth).shape, bool), truth.shape)
        edit = annotation.change(where, plane.take(truth).ravel() + 1)
        assert edit is not None
        annotation.apply(edit)
        learner.apply(edit)
    np.testing.assert_array_equal(learner.annotation.labels, annotation.labels)
    learner.advance(0.3)
    assert found(learner, truth) > 0.7


def test_classes_of_another_case_are_told_apart_too() -> None:
    image, truth = ball((24, 24, 24), (12, 12, 12), 0)
    learner = Learner(image[None], (1.0,) * 3, levels=LEVELS)
    learner.apply(painted(truth))
    learner.replay(image[None], (1.0,) * 3, painted(truth * 4))
    assert learner.classes == [1, 2, 5]
    learner.advance(0.1)
    assert learner.predict(Box((0, 0, 0), (8, 8, 8))).shape == (3, 8, 8, 8)


def test_steps_go_to_all_cases() -> None:
    image, truth = ball((24, 24, 24), (12, 12, 12), 0)
    learner = Learner(image[None], (1.0,) * 3, levels=LEVELS)
    learner.apply(painted(truth))
    for _ in range(2):
        learner.replay(image[None], (1.0,) * 3, painted(truth))
    cases = list(learner.cases)
    drawn = [cases.index(learner.cases.next()) for _ in range(400)]
    shares = np.bincount(drawn, minlength=3) / 400
    np.testing.assert_allclose(shares, [0.5, 0.25, 0.25], atol=0.1)


def test_a_few_corrections_do_not_take_the_steps_of_all_the_rest() -> None:
    image, truth = ball((24, 24, 24), (12, 12, 12), 0)
    learner = Learner(image[None], (1.0,) * 3, levels=LEVELS)
    edit = learner.annotation.change(np.arange(100), 1, wrong=True)
    assert edit is not None
    learner.apply(edit)
    learner.replay(image[None], (1.0,) * 3, painted(truth))
    cases = list(learner.cases)
    drawn = [cases.index(learner.cases.next()) for _ in range(400)]
    assert 0.01 < np.mean(np.array(drawn) == 0) < 0.15


def test_the_guess_of_the_present_case_is_not_outvoted_by_many_others() -> None:
    """Nothing is to be seen, and here the structure lies beside where it lies in the others."""
    _, truth = ball((24, 24, 24), (12, 12, 9), 0)
    _, elsewhere = ball((24, 24, 24), (12, 12, 15), 0)
    noise = [np.random.default_rng(k).normal(size=(1, 24, 24, 24)) for k in range(7)]
    learner = Learner(noise[0], (1.0,) * 3, levels=LEVELS)
    learner.apply(painted(truth))
    for other in noise[1:]:
        learner.replay(other, (1.0,) * 3, painted(elsewhere))
    learner.guess_anew()
    here = found(learner, truth)
    assert here > 0.8
    list(learner.forests.fit([case.guess.examples(case.supervision) for case in learner.cases]))
    assert found(learner, truth) < here - 0.05


def test_corrections_of_another_case_weigh_no_more_but_are_learned_with_the_guess_that_knows() -> (
    None
):
    image, truth = ball((24, 24, 24), (12, 12, 12), 0)
    annotation = Annotation(truth.shape)
    annotation.apply(painted(truth))
    corrected = np.flatnonzero(annotation.labels == 0)[:7]
    edit = annotation.change(corrected, 1, wrong=True, new_round=True)
    assert edit is not None
    annotation.apply(edit)
    learner = Learner(image[None], (1.0,) * 3, levels=LEVELS)
    learner.replay(image[None], (1.0,) * 3, annotation.everything())
    learner.guess_anew()
    (case,) = learner.cases.others
    background = annotation.labels == 1
    np.testing.assert_array_equal(
        np.unique(case.supervision.at(np.flatnonzero(background)).weight),
        case.supervision.balance[0],
    )
    whole = torch.from_numpy(np.indices(truth.shape))
    *_, weight, _ = case.patches.read((0, 0, 0), whole, SHOWN)
    np.testing.assert_array_equal(np.flatnonzero(weight), corrected)


def test_the_guess_has_no_share_where_only_others_are_painted() -> None:
    image, truth = ball((24, 24, 24), (12, 12, 12), 0)
    learner = Learner(image[None], (1.0,) * 3, levels=LEVELS)
    learner.replay(image[None], (1.0,) * 3, painted(truth))
    learner.guess_anew()
    learner.trainer.steps = 1000
    assert learner.trust == 1.0
    everything = painted(truth)
    few = learner.annotation.change(everything.where[:100], everything.after["label"][:100])
    assert few is not None
    learner.apply(few)
    assert 0.9 < learner.trust < 1.0
    here = Learner(image[None], (1.0,) * 3, levels=LEVELS)
    here.apply(few)
    here.trainer.steps = 1000
    here.cases.elsewhere = [everything.where.size, 0]
    assert here.trust == learner.trust, "of a case that is not at hand, that is all to be known"
    learner.apply(everything)
    alone = Learner(image[None], (1.0,) * 3, levels=LEVELS)
    alone.apply(everything)
    alone.trainer.steps = 1000
    assert learner.trust == alone.trust < 1.0
