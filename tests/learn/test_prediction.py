"""Blocks: the same answer whatever box is asked for, and however the machine computes it."""

from __future__ import annotations

import pytest
import torch

from napari_densify.cases.box import Box, tiles
from napari_densify.learn import device
from napari_densify.learn.learner import Learner


@pytest.fixture
def learner(learner: Learner) -> Learner:
    """It has learned for some steps, so that the network has a share in what is shown."""
    while learner.steps < 10:
        learner.advance(0.0)
    return learner


@pytest.mark.parametrize("half", [False, True])
def test_blocks_are_parts_of_the_whole(
    learner: Learner, monkeypatch: pytest.MonkeyPatch, half: bool
) -> None:
    """As halves in single precision, as they are in half precision."""
    monkeypatch.setattr(device, "_multiplies_bfloat16", lambda: half)
    assert (device.precision(torch.device("cpu")) == torch.bfloat16) == half
    shape = learner.annotation.shape
    whole = learner.predict(Box((0, 0, 0), shape))
    for box in tiles(shape, (12, 16, 20)):
        part = learner.predict(box)
        assert part.shape == (len(learner.classes), *box.shape)
        different = part.argmax(0) != whole[:, *box.slices].argmax(0)
        assert different.mean() < 0.01


def test_half_precision_says_the_same(learner: Learner, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box((0, 0, 0), learner.annotation.shape)
    answers = []
    for half in (False, True):
        monkeypatch.setattr(device, "_multiplies_bfloat16", lambda half=half: half)
        answers.append(learner.predict(box).argmax(0))
    assert (answers[0] != answers[1]).mean() < 0.01
