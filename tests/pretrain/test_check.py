"""What weights are worth on a volume with a truth."""

from __future__ import annotations

import tomllib

import numpy as np
import torch
from numpy.typing import NDArray

from bench.volumes import Task
from napari_densify.cases.volume import Volume
from pretrain.check import rounds
from pretrain.train import CONFIG, Training


def test_the_trees_learn_from_every_correction(phantom: Volume, truth: NDArray[np.uint8]) -> None:
    task = Task("phantom", phantom, truth.astype(np.uint8), 1)
    training = Training(tomllib.loads(CONFIG.read_text()), torch.device("cpu"))
    seen = list(rounds(training, task, 3))
    assert [set(each) for each in seen] == [{"guess", "network", "mean"}] * 4
    # A network that says nothing yet leaves the guess as it is.
    assert all(each["network"] == each["guess"] for each in seen)
    assert seen[-1]["guess"] > seen[0]["guess"]
