"""How quickly the network learns: at once after an edit, and ever less until it rests."""

from __future__ import annotations

import numpy as np
import pytest
import safetensors.torch
import torch

from napari_densify.cases.volume import Volume
from napari_densify.learn.learner import Learner
from napari_densify.learn.patches import Batch
from napari_densify.learn.trainer import FEWEST, RESTS, SETTLE, WARM_UP, Trainer
from napari_densify.learn.unet import compact


@pytest.fixture
def trainer() -> Trainer:
    """One that has learned nothing."""
    torch.manual_seed(0)
    return Trainer(6, 2, compact((16, 16)), torch.device("cpu"))


def moved(trainer: Trainer) -> float:
    """How far the weights go in a step that has much to learn."""
    before = [p.detach().clone() for p in trainer.net.parameters()]
    target = torch.ones(2, 16, 16, 16, dtype=torch.int64)
    values, weight = torch.randn(2, 6, 16, 16, 16), torch.ones(2, 16, 16, 16)
    where = np.zeros(target.shape, np.int64)
    trainer.step(Batch(values, values[:, :2], target, weight, torch.tensor([True, True]), where))
    after = trainer.net.parameters()
    return max(float((a.detach() - b).abs().max()) for a, b in zip(after, before, strict=True))


@pytest.mark.parametrize("slices", [1, FEWEST, 3 * FEWEST])
def test_it_comes_to_rest_after_so_many_steps_a_slice_and_an_edit_wakes_it(
    trainer: Trainer, slices: int
) -> None:
    trainer.slices = slices
    half = SETTLE * max(slices, FEWEST)
    speed = {}
    for steps in (WARM_UP, half, 5 * half):
        trainer.steps = steps
        speed[steps] = moved(trainer)
    assert 0.3 < speed[half] / speed[WARM_UP] < 0.8
    assert speed[5 * half] < 0.15 * speed[WARM_UP]
    trainer.edited()
    assert moved(trainer) > 0.4 * speed[WARM_UP]


@pytest.mark.parametrize("slices", [1, 3 * FEWEST])
def test_it_has_learned_what_is_painted_until_there_is_more(trainer: Trainer, slices: int) -> None:
    trainer.slices = slices
    trainer.steps = RESTS * SETTLE * max(slices, FEWEST) - 1
    assert not trainer.learned
    moved(trainer)
    assert trainer.learned
    trainer.edited()
    assert not trainer.learned


def test_another_strength_is_something_to_learn(learner: Learner) -> None:
    learner.trainer.steps = RESTS * SETTLE * FEWEST
    assert learner.learned
    learner.set_strength(0.5)
    assert not learner.learned


def test_slices_of_all_cases_count(learner: Learner, phantom: Volume) -> None:
    assert learner.trainer.slices == 3
    learner.replay(phantom.data[None], phantom.spacing, learner.annotation.everything())
    learner.guess_anew()
    assert learner.trainer.slices == 6


def test_a_restored_one_takes_the_very_same_steps(trainer: Trainer) -> None:
    for _ in range(5):
        moved(trainer)
    torch.manual_seed(1)
    restored = Trainer(6, 2, compact((16, 16)), torch.device("cpu"))
    kept = safetensors.torch.load(
        safetensors.torch.save({k: v.contiguous() for k, v in trainer.state().items()})
    )
    restored.load(kept, edited=False)
    for each in (trainer, restored):
        torch.manual_seed(2)
        for _ in range(2):
            moved(each)
    for expected, found in zip(trainer.net.parameters(), restored.net.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
