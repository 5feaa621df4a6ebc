"""Blocks: the same answer whatever box is asked for, and however the machine computes it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_densify.cases.box import Box, tiles
from napari_densify.cases.volume import Volume
from napari_densify.learn import device
from napari_densify.learn.learner import Learner

from .test_learner import PLANES, paint


@pytest.fixture
def learner(phantom: Volume, truth: NDArray[np.uint8]) -> Learner:
    """Three slices, learned from for some steps."""
    learner = Learner(phantom.data[None], phantom.spacing, device="cpu")
    for plane in PLANES:
        paint(learner, plane, truth)
    learner.guess_anew()
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
