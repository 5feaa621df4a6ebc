from __future__ import annotations

import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.comparison import echoes
from napari_densify.cases.edit import union

voxels = st.sets(st.integers(0, 60)).map(lambda found: np.array(sorted(found), np.int64))


@given(one=voxels, other=voxels)
def test_a_union_has_each_voxel_once_in_order(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_array_equal(union(one, other), np.union1d(one, other))


def test_an_undo_of_millions_of_voxels_is_recognised_soon() -> None:
    annotation = Annotation((128, 128, 128))
    edit = annotation.change(np.arange(128**3), 2)
    annotation.apply(edit)
    begun = time.perf_counter()
    (undone,) = echoes(annotation, np.zeros(annotation.shape, np.uint8))
    assert time.perf_counter() - begun < 3  # the hash table of `np.union1d` alone takes 7
    np.testing.assert_array_equal(undone.where, edit.where)
