"""How what was learned beforehand takes part in learning, and when it does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn.functional import nll_loss

from napari_densify.cases.box import Box
from napari_densify.cases.plane import Plane
from napari_densify.cases.volume import Volume
from napari_densify.learn.folds import FOLDS
from napari_densify.learn.forests import SHOWN
from napari_densify.learn.judgement import DOUBT, FIRST, Judgement
from napari_densify.learn.learner import Learner
from napari_densify.learn.mixture import HELD, JUDGED
from napari_densify.learn.patches import Batch
from napari_densify.learn.pretrained import REFINED
from napari_densify.learn.trainer import Expected, Trainer
from napari_densify.learn.unet import compact
from napari_densify.learn.weights import load, pack, state_of, unpack

from .test_learner import paint


def lose(learner: Learner, share: float) -> None:
    """As if what was expected were worse than the guess by that share."""
    judgement = learner.mixture.judgement
    judgement.batches, judgement.guess[:], judgement.answer[:] = 100, 0.5, 0.5 * (1 + share)


def test_nobody_is_told_what_is_asked(learner: Learner, truth: NDArray[np.uint8]) -> None:
    whole = torch.from_numpy(np.indices(truth.shape))
    painted = learner.annotation.labels.ravel()
    folds = learner.case.guess.folds.at(np.arange(truth.size))
    for fold in range(FOLDS + 1):
        marks, _, weight, _ = learner.case.patches.read((0, 0, 0), whole, fold)
        told, asked = marks.any(axis=1), weight > 0
        assert not (told & asked).any()
        np.testing.assert_array_equal(told | asked, painted > 0)
        np.testing.assert_array_equal(asked, (painted > 0) & (folds == fold))
        np.testing.assert_array_equal(marks[told].argmax(axis=1) + 1, painted[told])
    assert SHOWN == FOLDS


def test_corrections_are_told_like_slices(learner: Learner) -> None:
    box = Box((0, 0, 0), learner.annotation.shape)

    def told() -> NDArray[np.float16]:
        return learner.case.inputs.read(box)[..., learner.case.inputs.channels :].numpy()

    before = told()
    np.testing.assert_array_equal(before.any(axis=-1), learner.annotation.labels > 0)
    corrected, painted = np.flatnonzero(learner.annotation.labels == 0)[:20].reshape(2, 10)
    for where, wrong in ((corrected, True), (painted, False)):
        edit = learner.annotation.change(where, 2, wrong=wrong, new_round=True)
        assert edit is not None
        learner.apply(edit)
    new = (told() != before).any(axis=-1)
    np.testing.assert_array_equal(np.flatnonzero(new), np.sort([*corrected, *painted]))


def test_what_is_expected_is_the_guess_made_better_by_class_balance(learner: Learner) -> None:
    batch = learner.case.patches.draw(2)
    count = len(learner.classes)
    balance = torch.from_numpy(learner.case.supervision.balance)[:, None, None, None]
    guess = batch.values[:, -count:].softmax(1) * balance
    asked = learner.mixture.expected(learner.case, batch)
    learner.predict(Box((0, 0, 0), learner.annotation.shape))
    known = learner.mixture.expected(learner.case, batch)
    assert asked is not None
    assert known is not None
    for expected in (asked, known):
        probability = expected.probability
        torch.testing.assert_close(probability.sum(dim=1), torch.ones_like(guess[:, 0]))
        refined = (probability / (guess / guess.sum(1, keepdim=True))).log()
        assert refined.std() > 0.05


def test_what_is_expected_knows_all_that_is_painted_once_it_was_asked(learner: Learner) -> None:
    """And before only what the guess in the batch has seen."""
    batches = [learner.case.patches.draw(2) for _ in range(6)]

    def losses() -> NDArray[np.float64]:
        each = []
        for batch in batches:
            expected = learner.mixture.expected(learner.case, batch)
            assert expected is not None
            shown = expected.probability.clamp_min(1e-6).log()
            each.append(nll_loss(shown, batch.target, reduction="none")[batch.weight > 0].mean())
        return np.array(each)

    unseen = losses()
    learner.predict(Box((0, 0, 0), learner.annotation.shape))
    assert losses().mean() < unseen.mean()


def test_it_is_asked_again_for_patches_near_a_stroke_only(learner: Learner) -> None:
    learner.predict(Box((0, 0, 0), learner.annotation.shape))
    learner.trainer.steps = 1
    batch = learner.case.patches.draw(2)
    asked = learner.mixture.judgement.batches
    learner.mixture.expected(learner.case, batch)
    assert learner.mixture.judgement.batches == asked
    edit = learner.annotation.change(batch.where.ravel()[:1], 2, new_round=True)
    assert edit is not None
    learner.apply(edit)
    learner.mixture.expected(learner.case, batch)
    assert learner.mixture.judgement.batches == asked + 1


@pytest.mark.parametrize("held", [0.0, 0.3])
def test_the_network_is_held_to_what_is_expected_where_nothing_is_annotated(held: float) -> None:
    torch.manual_seed(0)
    trainer = Trainer(6, 2, compact((16, 16)), torch.device("cpu"))
    values = torch.randn(2, 8, 16, 16, 16)
    left = torch.arange(16) < 8
    values[:, 0] = torch.where(left, -2.0, 2.0)
    values[:, 4:6] = 0
    target = torch.zeros(2, 16, 16, 16, dtype=torch.int64)
    weight = torch.zeros(2, 16, 16, 16)
    weight[:, 8, :, left] = 1  # and nothing on the right
    expected = torch.stack([left, ~left]).float()[None, :, None, None, :].expand(2, 2, 16, 16, 16)
    where = np.zeros(target.shape, np.int64)
    batch = Batch(values[:, :6], values[:, 6:], target, weight, torch.tensor([True, True]), where)
    for _ in range(60):
        trainer.step(batch, Expected(expected, held))
    with torch.no_grad():
        answer = trainer.logits(values).argmax(1)
    assert not answer[..., left].any()
    assert (answer[..., ~left].float().mean() > 0.9) == (held > 0)


def test_what_the_guess_has_seen_does_not_count_for_it(learner: Learner) -> None:
    """A correction is in the guess; it was painted because everything shown was wrong there."""
    edit = learner.annotation.change(np.arange(40), 2, wrong=True, new_round=True)
    assert edit is not None
    learner.apply(edit)
    learner.guess_anew()
    batch = learner.case.patches.draw(2)  # the first of them around the newest edit
    while batch.unseen.any():
        batch = learner.case.patches.draw(2)
    learner.trainer.step(batch)
    assert np.isnan([learner.trainer.loss, learner.trainer.guess_loss]).all()
    while not batch.unseen.any() or batch.unseen.all():
        batch = learner.case.patches.draw(2)
    learner.trainer.step(batch)
    both = learner.trainer.guess_loss
    learner.trainer.guess_loss = float("nan")
    learner.trainer.step(replace(batch, weight=batch.weight * batch.unseen[:, None, None, None]))
    assert learner.trainer.guess_loss == pytest.approx(both, rel=1e-3)


def test_it_is_believed_as_far_as_it_fits_what_it_has_not_seen(learner: Learner) -> None:
    lose(learner, -0.2)
    assert learner.mixture.refined == REFINED
    lose(learner, 0.5 / DOUBT)
    assert learner.mixture.refined == pytest.approx(REFINED / 2)
    assert learner.mixture.held == pytest.approx(HELD / 2)
    lose(learner, 0.4)
    assert learner.mixture.refined == learner.mixture.held == 0


def test_it_is_judged_before_anything_is_learned(learner: Learner) -> None:
    assert learner.steps == 0
    assert learner.mixture.judgement.batches == FIRST
    learner.guess_anew()
    assert learner.mixture.judgement.batches == FIRST  # by what it is asked from then on


def test_where_it_is_wrong_all_the_time_it_is_not_believed(
    phantom: Volume, truth: NDArray[np.uint8]
) -> None:
    learner = Learner(phantom.data[None], phantom.spacing, device="cpu")
    lying = {name: torch.randn_like(v.float()) for name, v in learner.mixture.known.items()}
    lying |= {name: torch.ones_like(v) for name, v in lying.items() if "running_var" in name}
    learner.mixture.know(lying)
    for axis in range(3):
        paint(learner, Plane(axis, truth.shape[axis] // 2), truth)
    learner.guess_anew()
    assert learner.mixture.refined == 0


def test_a_model_keeps_how_far_it_is_believed(learner: Learner, phantom: Volume) -> None:
    lose(learner, 0.5 / DOUBT)
    restored = Learner(phantom.data[None], phantom.spacing, device="cpu")
    unpack(pack(learner), restored)
    assert restored.mixture.refined == pytest.approx(REFINED / 2)
    assert not restored.mixture.judgement.due


def test_a_model_that_was_judged_otherwise_is_judged_anew(learner: Learner) -> None:
    state = state_of(learner)
    del state["judged"]
    state["losses"] = torch.tensor([0.4, 0.5, 0.55, 0.5])
    lose(learner, 0.4)
    learner.mixture.judgement = Judgement()
    load(state, learner)
    assert (learner.trainer.loss, learner.trainer.guess_loss) == pytest.approx((0.4, 0.5))
    assert learner.mixture.judgement.due
    assert learner.mixture.refined == REFINED


def test_it_is_judged_now_and_then_while_it_learns(learner: Learner) -> None:
    learner.predict(Box((0, 0, 0), learner.annotation.shape))
    before = learner.mixture.judgement.batches
    for _ in range(2 * JUDGED):
        learner.advance(0.0)
    assert learner.mixture.judgement.batches == before + 2


def test_the_more_slices_the_less_the_network_is_held_to_what_was_expected(
    learner: Learner, truth: NDArray[np.uint8]
) -> None:
    assert learner.mixture.held == HELD
    for position in (4, 8, 20):
        paint(learner, Plane(0, position), truth)
    learner.guess_anew()
    assert learner.mixture.held == pytest.approx(HELD / 4)
    # Those of the project's other cases teach the same network.
    image, painted = learner.case.bank.image, learner.annotation.everything()
    learner.replay(image, learner.wanted, painted)
    learner.guess_anew()
    assert learner.mixture.held == pytest.approx(HELD / 16)
