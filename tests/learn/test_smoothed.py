"""Networks' probabilities are evened out over neighbouring voxels, and stay probabilities."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_densify.learn.prediction import smoothed

sizes = st.tuples(st.integers(2, 4), *[st.integers(1, 6)] * 3)
spacings = st.tuples(*[st.sampled_from([0.5, 1.0, 4.0])] * 3)


@given(sizes, spacings, st.integers(0, 9))
def test_they_still_sum_to_one_and_no_voxel_goes_beyond_its_neighbours(
    size: tuple[int, ...], spacing: tuple[float, ...], seed: int
) -> None:
    noise = torch.randn(size, generator=torch.Generator().manual_seed(seed))
    before = noise.softmax(0)
    after = smoothed(before, spacing)
    assert after.shape == before.shape
    torch.testing.assert_close(after.sum(0), torch.ones(size[1:]))
    assert (after.amax((1, 2, 3)) <= before.amax((1, 2, 3)) + 1e-6).all()
    assert (after.amin((1, 2, 3)) >= before.amin((1, 2, 3)) - 1e-6).all()


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_long_voxels_hardly_see_their_neighbours(axis: int) -> None:
    spike = torch.zeros(1, 5, 5, 5)
    spike[0, 2, 2, 2] = 1
    spacing = [4.0 if a == axis else 1.0 for a in (1, 2, 3)]
    after = smoothed(spike, spacing)[0]
    here, along = [2, 2, 2], [2, 2, 2]
    along[axis - 1] = 3
    across = [2, 2, 2]
    across[axis % 3] = 3
    assert after[tuple(along)] < 1e-6 < 0.05 < after[tuple(across)] < after[tuple(here)]
