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
from napari_densify.learn.learner import Learner
from napari_densify.learn.mixture import HELD, JUDGED
from napari_densify.learn.patches import Batch
from napari_densify.learn.pretrained import REFINED
from napari_densify.learn.trainer import Expected, Trainer
from napari_densify.learn.unet import compact
from napari_densify.learn.weights import pack, unpack

from .test_learner import paint


def lose(learner: Learner, share: float) -> None:
    """As if what was expected had a loss that is higher than the guess's by that share."""
    learner.trainer.steps = 1000
    learner.trainer.compared_loss = 0.5
    learner.trainer.expected_loss = 0.5 * (1 + share)


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
    assert asked.probability is asked.unseen  # nobody has asked for more
    assert known.unseen is not None
    torch.testing.assert_close(known.unseen, asked.unseen)
    for probability in (known.probability, known.unseen):
        torch.testing.assert_close(probability.sum(dim=1), torch.ones_like(guess[:, 0]))
        refined = (probability / (guess / guess.sum(1, keepdim=True))).log()
        assert refined.std() > 0.05


def test_what_is_expected_knows_all_that_is_painted_once_it_was_asked(learner: Learner) -> None:
    """And what it is judged by only what the guess has seen."""
    learner.predict(Box((0, 0, 0), learner.annotation.shape))
    losses = []
    for _ in range(6):
        batch = learner.case.patches.draw(2)
        expected = learner.mixture.expected(learner.case, batch)
        assert expected is not None
        assert expected.unseen is not None
        asked = batch.weight > 0
        right = expected.probability.argmax(1) == batch.target
        assert right[asked].float().mean() > 0.97
        shown = [p.clamp_min(1e-6).log() for p in (expected.probability, expected.unseen)]
        losses.append(
            [float(nll_loss(p, batch.target, reduction="none")[asked].mean()) for p in shown]
        )
    knowing, unseen = np.mean(losses, axis=0)
    assert knowing < unseen


def test_it_is_asked_again_for_patches_near_a_stroke_only(learner: Learner) -> None:
    learner.predict(Box((0, 0, 0), learner.annotation.shape))
    learner.trainer.steps = 1
    batch = learner.case.patches.draw(2)
    assert (known := learner.mixture.expected(learner.case, batch)) is not None
    assert known.unseen is None
    edit = learner.annotation.change(batch.where.ravel()[:1], 2, new_round=True)
    assert edit is not None
    learner.apply(edit)
    assert (asked := learner.mixture.expected(learner.case, batch)) is not None
    assert asked.probability is asked.unseen


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
        trainer.step(batch, Expected(expected, held, expected))
    with torch.no_grad():
        answer = trainer.logits(values).argmax(1)
    assert not answer[..., left].any()
    assert (answer[..., ~left].float().mean() > 0.9) == (held > 0)
    assert trainer.expected_loss == pytest.approx(0, abs=1e-3)


def test_what_the_guess_has_seen_does_not_count_for_it(learner: Learner) -> None:
    """A correction is in the guess; it was painted because everything shown was wrong there."""
    edit = learner.annotation.change(np.arange(40), 2, wrong=True, new_round=True)
    assert edit is not None
    learner.apply(edit)
    learner.guess_anew()
    batch = learner.case.patches.draw(2)  # around the newest edit
    assert not batch.unseen.any()
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
    assert learner.mixture.refined == REFINED
    lose(learner, -0.2)
    assert learner.mixture.refined == REFINED
    lose(learner, 0.1)
    assert learner.mixture.refined == pytest.approx(REFINED / 2)
    assert learner.mixture.held == pytest.approx(HELD / 2)
    lose(learner, 0.4)
    assert learner.mixture.refined == learner.mixture.held == 0


def test_a_few_steps_do_not_say_whether_to_believe_it(learner: Learner) -> None:
    lose(learner, 0.4)
    learner.trainer.steps = 3
    assert learner.mixture.refined > 0.9 * REFINED


def test_a_model_keeps_how_far_it_is_believed(learner: Learner, phantom: Volume) -> None:
    lose(learner, 0.1)
    restored = Learner(phantom.data[None], phantom.spacing, device="cpu")
    unpack(pack(learner), restored)
    assert restored.mixture.refined == pytest.approx(learner.mixture.refined)


def test_models_that_compared_at_each_step_are_believed_as_they_were(learner: Learner) -> None:
    lose(learner, 0.1)
    state = learner.trainer.state()
    state["losses"] = torch.tensor([0.4, 0.5, 0.55])
    learner.trainer.load(state)
    assert learner.mixture.refined == pytest.approx(REFINED / 2)


def test_it_is_compared_with_the_guess_on_the_same_patches(learner: Learner) -> None:
    """Now and then only, so that the guess's loss on other patches does not count."""
    learner.predict(Box((0, 0, 0), learner.annotation.shape))
    compared = set()
    for _ in range(2 * JUDGED):
        learner.advance(0.0)
        compared.add((learner.trainer.expected_loss, learner.trainer.compared_loss))
    assert len(compared) == 2
    first, second = compared
    assert all(a != b for a, b in zip(first, second, strict=True))


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
