from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_densify.cases.box import Box, tiles

sizes = st.tuples(*[st.integers(1, 9)] * 3)


@given(sizes, sizes)
def test_tiles_cover_each_voxel_once(shape: tuple[int, ...], size: tuple[int, ...]) -> None:
    covered = np.zeros(shape, int)
    for box in tiles(shape, size):
        covered[box.slices] += 1
        assert all(n <= most for n, most in zip(box.shape, size, strict=True))
    assert (covered == 1).all()


@given(sizes, st.tuples(*[st.integers(0, 4)] * 3), st.data())
def test_a_grown_box_stays_in_the_volume(
    shape: tuple[int, ...], margin: tuple[int, ...], data: st.DataObject
) -> None:
    box = data.draw(st.sampled_from(list(tiles(shape, (2, 3, 4)))))
    grown = box.grow(margin, shape)
    volume = np.zeros(shape)
    assert volume[grown.slices].shape == grown.shape
    inner = box.shift(grown.start)
    assert volume[grown.slices][inner.slices].shape == box.shape


def test_shifting_keeps_the_voxels() -> None:
    volume = np.arange(60).reshape(3, 4, 5)
    outer, box = Box((1, 1, 1), (3, 4, 5)), Box((2, 1, 3), (3, 3, 5))
    np.testing.assert_array_equal(
        volume[outer.slices][box.shift(outer.start).slices], volume[box.slices]
    )
