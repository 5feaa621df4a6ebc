"""A learner as the plugin makes it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_densify.cases.volume import Volume
from napari_densify.learn.learner import Learner

from .test_learner import PLANES, paint


@pytest.fixture
def learner(phantom: Volume, truth: NDArray[np.uint8]) -> Learner:
    """Three slices, guessed, with as many levels as what was learned beforehand."""
    learner = Learner(phantom.data[None], phantom.spacing, device="cpu")
    for plane in PLANES:
        paint(learner, plane, truth)
    learner.guess_anew()
    return learner
