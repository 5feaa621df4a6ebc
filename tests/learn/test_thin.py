"""Images of one or two slices: the network sees their edge repeated beyond them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_densify.cases.volume import Volume
from napari_densify.session.score import dice
from tests.learn.test_learner import everywhere, make, segment, train

EVERY = 4
"""One row of voxels in so many is painted."""


@pytest.mark.parametrize(("slices", "axis"), [(1, 0), (2, 0), (2, 1), (1, 2)])
def test_thin_images_are_learned_from_and_predicted(
    phantom: Volume, truth: NDArray[np.uint8], slices: int, axis: int
) -> None:
    middle = (9, 9, 20)[axis]
    kept = range(middle, middle + slices)
    image, thin = phantom.data.take(kept, axis), truth.take(kept, axis)
    learner = make(image)
    rows = np.zeros(thin.shape, bool)
    rows.swapaxes(0, axis)[..., ::EVERY] = True
    labels = thin + np.uint8(1)
    edit = learner.annotation.change(np.flatnonzero(rows), labels[rows])
    assert edit is not None
    learner.apply(edit)
    train(learner, 30)
    probability = everywhere(learner)
    assert probability.shape[1:] == thin.shape
    np.testing.assert_allclose(probability.sum(axis=0), 1, rtol=1e-4)
    assert learner.trainer.loss < 0.7
    [score] = dice(segment(learner), labels, [2], ~rows).values()
    assert score > 0.8
