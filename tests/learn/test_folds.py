from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_densify.cases.box import Box
from napari_densify.cases.plane import Plane
from napari_densify.learn.folds import FOLDS, Folds

SHAPE = (20, 24, 28)
PLANES = [Plane(0, 9), Plane(1, 19), Plane(2, 16)]


def on(*planes: Plane) -> np.ndarray:
    """Flat indices of whole planes, each voxel once."""
    mask = np.zeros(SHAPE, bool)
    for plane in planes:
        plane.take(mask)[:] = True
    return np.flatnonzero(mask)


def test_three_planes_are_held_out_one_at_a_time() -> None:
    folds = Folds(on(*PLANES), SHAPE)
    fold = folds.at(on(*PLANES))
    assert sorted(held for *_, held in folds.planes) == list(range(FOLDS))
    for plane in PLANES:
        inside = folds.at(on(plane))
        # Only where it crosses the others it may be held out with them.
        assert np.bincount(inside).max() > 0.9 * inside.size
    assert np.bincount(fold, minlength=FOLDS).min() > 0


def test_many_planes_are_spread_evenly() -> None:
    planes = [Plane(axis, position) for axis in range(3) for position in (2, 7, 12, 17)]
    size = np.bincount(Folds(on(*planes), SHAPE).at(on(*planes)), minlength=FOLDS)
    assert size.max() < 1.3 * size.min()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, int(np.prod(SHAPE)) - 1), min_size=1, max_size=60), st.data())
def test_folds_are_a_function_of_where_and_boxes_read_what_voxels_say(
    where: list[int], data: st.DataObject
) -> None:
    voxels = np.unique(where)
    folds, again = (
        Folds(voxels, SHAPE),
        Folds(np.array(data.draw(st.permutations(list(voxels)))), SHAPE),
    )
    everything = np.arange(np.prod(SHAPE))
    fold = folds.at(everything)
    np.testing.assert_array_equal(fold, again.at(everything))
    assert fold.max() < FOLDS
    box = Box((3, 0, 5), (20, 11, 6))
    np.testing.assert_array_equal(folds.read(box), fold.reshape(SHAPE)[box.slices])


@pytest.mark.parametrize("where", [[], [0], [5, 6, 7]])
def test_hardly_any_annotation_is_no_trouble(where: list[int]) -> None:
    folds = Folds(np.array(where, np.int64), SHAPE)
    assert folds.at(np.array(where, np.int64)).shape == (len(where),)


def test_blocks_divide_a_single_plane() -> None:
    where = on(PLANES[0])
    assert np.unique(Folds(where, SHAPE).at(where)).size == 1
    assert np.unique(Folds(where, SHAPE).by_block().at(where)).size == FOLDS
