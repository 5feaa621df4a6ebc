from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_densify.cases.plane import ORIENTATIONS, Plane

SHAPE = (5, 6, 7)

planes = st.integers(0, 2).flatmap(
    lambda axis: st.builds(Plane, st.just(axis), st.integers(0, SHAPE[axis] - 1))
)


@given(planes, st.data())
def test_pixels_become_the_voxels_of_the_plane(plane: Plane, data: st.DataObject) -> None:
    height, width = plane.take(np.empty(SHAPE)).shape
    pixel = st.tuples(st.integers(0, height - 1), st.integers(0, width - 1))
    pixels = np.array(data.draw(st.lists(pixel, min_size=1)))
    voxels = plane.to_volume(pixels, SHAPE)
    zyx = np.stack(np.unravel_index(voxels, SHAPE), axis=1)
    assert (zyx[:, plane.axis] == plane.position).all()
    np.testing.assert_array_equal(np.delete(zyx, plane.axis, axis=1), pixels)


@given(planes)
def test_a_mask_marks_the_voxels_that_taking_the_slice_shows(plane: Plane) -> None:
    volume = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    shown = plane.take(volume)
    mask = shown % 3 == 0
    np.testing.assert_array_equal(plane.voxels(mask, SHAPE), shown[mask])


@given(planes)
def test_writing_to_the_slice_writes_to_the_volume(plane: Plane) -> None:
    volume = np.zeros(SHAPE)
    plane.take(volume)[:] = 1
    assert volume.sum() == plane.take(volume).size


def test_an_empty_mask_marks_nothing() -> None:
    assert Plane(1, 2).voxels(np.zeros((5, 7), bool), SHAPE).size == 0


@pytest.mark.parametrize(("name", "axis"), ORIENTATIONS.items())
def test_orientations_are_called_by_the_axes_in_the_plane(name: str, axis: int) -> None:
    assert Plane(axis, 0).orientation == name
    assert "zyx"[axis] not in name


def test_a_slice_of_a_volume_with_channels_keeps_them() -> None:
    assert np.empty((2, *SHAPE))[Plane(2, 3).index()].shape == (2, 5, 6)
