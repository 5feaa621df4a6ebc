"""No orientation is worse than another: z, y and x are only names."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_densify.cases.plane import Plane
from napari_densify.cases.volume import Volume
from napari_densify.session.score import dice
from tests.learn.test_learner import make, paint, segment, train

STEPS = 70
ORDERS = [(0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0)]


@pytest.fixture(scope="module")
def answers(phantom: Volume, truth: NDArray[np.uint8]) -> dict[tuple[int, ...], NDArray[np.uint8]]:
    """What is learned from two slices, with the axes in each order, turned back."""
    answers = {}
    for order in ORDERS:
        learner = make(np.ascontiguousarray(phantom.data.transpose(order)))
        turned = np.ascontiguousarray(truth.transpose(order))
        for axis, position in ((0, 10), (0, 15)):
            paint(learner, Plane(order.index(axis), position), turned)
        train(learner, STEPS)
        answers[order] = segment(learner).transpose(np.argsort(order))
    return answers


@pytest.mark.parametrize("order", ORDERS[1:])
def test_a_transposed_volume_gives_the_transposed_answer(
    order: tuple[int, ...],
    answers: dict[tuple[int, ...], NDArray[np.uint8]],
    truth: NDArray[np.uint8],
) -> None:
    plain, turned = answers[ORDERS[0]], answers[order]
    scores = [np.mean(list(dice(a, truth + 1, [2, 3]).values())) for a in (plain, turned)]
    assert min(scores) > 0.6
    assert abs(scores[0] - scores[1]) < 0.1
    assert (plain == turned).mean() > 0.93
