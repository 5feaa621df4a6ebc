from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_densify.learn.uncertainty import uncertainty


def test_certain_is_0_and_undecided_is_255() -> None:
    probability = np.array([[1, 0.25, 0], [0, 0.25, 0], [0, 0.25, 1], [0, 0.25, 0]], np.float32)
    np.testing.assert_array_equal(uncertainty(probability[:, None, None])[0, 0], [0, 255, 0])


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5])
def test_two_classes_have_the_binary_entropy(p: float) -> None:
    bits = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    probability = np.array([p, 1 - p], np.float32)[:, None, None, None]
    assert abs(int(uncertainty(probability).item()) - 255 * bits) <= 0.5 + 1e-3


@settings(deadline=None)
@given(
    arrays.arrays(np.float32, (4, 2, 3, 2), elements=st.floats(0, 1, width=32)),
    st.permutations(range(4)),
)
def test_it_does_not_matter_which_class_is_which(scores: np.ndarray, order: list[int]) -> None:
    probability = (scores + 1e-3) / (scores + 1e-3).sum(0)
    values = uncertainty(probability)
    assert np.abs(values.astype(int) - uncertainty(probability[order])).max() <= 1
    # Nearer to undecided is never surer.
    half = uncertainty((probability + 1 / 4) / 2)
    assert (half.astype(int) >= values.astype(int) - 1).all()


def test_one_class_is_certain() -> None:
    assert not uncertainty(np.ones((1, 2, 2, 2), np.float32)).any()
