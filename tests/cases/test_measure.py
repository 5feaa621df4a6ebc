"""Sizes of structures."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import label, regionprops

from napari_densify.cases.measure import measure


@given(seed=st.integers(0, 999), density=st.floats(0, 1))
def test_it_counts_what_there_is_and_the_largest_piece(seed: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random((6, 7, 8)) < density, rng.integers(1, 4, (6, 7, 8)), 0)
    for each in measure(labels.astype(np.uint8), [1, 2, 3, 4]):
        assert each.voxels == np.count_nonzero(labels == each.label)
        pieces = regionprops(label(labels == each.label, connectivity=1))
        assert each.largest == max((piece.num_pixels for piece in pieces), default=0)
