"""A sparse array is what the dense one would be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_densify.cases import blocks as blocks_module
from napari_densify.cases.blocks import Blocks
from napari_densify.cases.box import Box
from napari_densify.cases.edit import MARK

sides = st.integers(1, 40)


@pytest.fixture(scope="module", autouse=True)
def _small_pages() -> Iterator[None]:
    """Memory for three blocks at a time, so that there are several pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks_module, "PAGE", 3)
        yield


@settings(deadline=None, max_examples=60)
@given(shape=st.tuples(sides, sides, sides), data=st.data())
def test_blocks_are_what_a_dense_array_is(shape: tuple[int, int, int], data) -> None:
    blocks, dense = Blocks(shape, MARK), np.zeros(shape, MARK)
    voxels = st.lists(st.integers(0, dense.size - 1), max_size=30, unique=True)
    for where in data.draw(st.lists(voxels.map(lambda v: np.array(v, np.int64)), max_size=5)):
        values = np.empty(where.size, MARK)
        values["label"] = data.draw(st.integers(0, 254))
        values["round"], values["wrong"] = where % 7, where % 2 == 0
        blocks.put(where, values)
        dense.reshape(-1)[where] = values
    where = data.draw(voxels.map(lambda v: np.array(v, np.int64)))
    np.testing.assert_array_equal(blocks.get(where), dense.reshape(-1)[where])
    start = [data.draw(st.integers(0, n - 1)) for n in shape]
    size = [data.draw(st.integers(1, n)) for n in shape]
    for box in (Box((0, 0, 0), shape), Box.cut(start, size, shape)):
        np.testing.assert_array_equal(blocks.read(box), dense[box.slices])
    for field in ("label", "wrong"):
        np.testing.assert_array_equal(blocks.nonzero(field), np.flatnonzero(dense[field]))
    for label in {1, *np.unique(dense["label"])} - {0}:
        same = np.flatnonzero(dense["label"] == label)
        np.testing.assert_array_equal(blocks.equal("label", label), same)
    again = np.zeros(shape, np.uint8)
    for where, labels in blocks.written("label"):
        again.reshape(-1)[where] = labels
    np.testing.assert_array_equal(again, dense["label"])


def test_what_is_read_is_a_copy() -> None:
    blocks = Blocks((20, 20, 20), np.uint8)
    blocks.put(np.array([5]), 3)
    box = Box((0, 0, 0), (20, 20, 20))
    blocks.read(box)[:] = 9
    blocks.get(np.array([5, 6]))[:] = 9
    assert blocks.read(box).sum() == 3
