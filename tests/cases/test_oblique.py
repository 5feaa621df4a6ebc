"""Oblique planes: any angle, any spacing, up to the edges of the volume."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.digital_plane import DigitalPlane
from napari_densify.cases.oblique import ObliquePlane, normal_of
from napari_densify.cases.plane import Plane
from napari_densify.cases.problem import Problem

angles = st.one_of(st.sampled_from([-90.0, -45.0, 0.0, 30.0, 45.0, 90.0]), st.floats(-90, 90))
shapes = st.tuples(*[st.integers(1, 12)] * 3)
spacings = st.tuples(*[st.sampled_from([0.3, 0.7, 1.0, 2.0, 5.0])] * 3)
offsets = st.one_of(st.sampled_from([0.0, 0.5, 1.0, -2.5]), st.floats(-8, 8))
planes = st.builds(ObliquePlane, angles, angles, offsets)
digital_planes = st.builds(DigitalPlane, planes, shapes, spacings)
sides = st.integers(0, 2**32 - 1)


def heights(digital: DigitalPlane) -> np.ndarray:
    """How many steps the plane is above each voxel, from its definition in physical space."""
    plane = digital.plane
    spacing = digital._spacing
    zyx = np.moveaxis(np.indices(digital.shape), 0, -1)
    beyond = (zyx - digital.middle) * spacing @ plane.normal
    return (plane.offset - beyond) / (np.abs(plane.normal) @ spacing)


def scribble(digital: DigitalPlane, seed: int) -> np.ndarray:
    """Some blobs of pixels."""
    noise = np.random.default_rng(seed).random(digital.size)
    return ndimage.uniform_filter(noise, 3) > 0.5


@given(digital_planes)
def test_the_whole_picture_is_the_voxels_that_the_plane_cuts(digital: DigitalPlane) -> None:
    height = heights(digital).ravel()
    painted = np.zeros(height.size, bool)
    painted[digital.voxels(np.ones(digital.size, bool))] = True
    assert painted[np.abs(height) < 0.5 - 1e-5].all(), "a hole"
    assert not painted[np.abs(height) > 0.5 + 1e-5].any(), "a voxel off the plane"


@given(digital_planes)
def test_painting_all_that_is_seen_leaves_no_hole_but_in_corners(digital: DigitalPlane) -> None:
    seen = digital.nearest >= 0
    assume(seen.any())
    missed = np.setdiff1d(digital.voxels(np.ones_like(seen)), digital.voxels(seen))
    # Some pixel beside the missed ones' would be seen, were they not in a corner of the volume.
    zyx = np.stack(np.unravel_index(missed, digital.shape), axis=1)
    at_faces = (zyx == 0) | (zyx == np.array(digital.shape) - 1)
    assert (at_faces.sum(axis=1) >= 2).all()


@given(digital_planes)
def test_no_path_leads_through_not_even_over_corners(digital: DigitalPlane) -> None:
    painted = np.zeros(digital.shape, bool)
    painted.reshape(-1)[digital.voxels(np.ones(digital.size, bool))] = True
    free, count = ndimage.label(~painted, np.ones((3, 3, 3)))
    above = heights(digital) > 0
    sides = [np.unique(above[free == k]) for k in range(1, count + 1)]
    assert all(len(side) == 1 for side in sides)


@given(planes, shapes, spacings)
def test_planes_a_step_apart_take_every_voxel_once(plane, shape, spacing) -> None:
    here = DigitalPlane(plane, shape, spacing)
    counts = np.zeros(int(np.prod(shape)), int)
    extent = int(np.abs(heights(here)).max()) + 2
    for k in range(-extent, extent + 1):
        there = ObliquePlane(plane.tilt, plane.turn, plane.offset + k * here.step)
        digital = DigitalPlane(there, shape, spacing)
        assert digital.size == here.size
        counts[digital.voxels(np.ones(digital.size, bool))] += 1
    assert (counts == 1).all()


@given(digital_planes, sides)
def test_strokes_stay_on_the_plane_and_show_where_they_were_painted(digital, seed) -> None:
    mask = scribble(digital, seed)
    labels = np.zeros(digital.shape, np.uint8)
    labels.reshape(-1)[digital.voxels(mask)] = 2
    assert (np.abs(heights(digital)[labels > 0]) <= 0.5 + 1e-5).all()
    shown = digital.take(labels)
    assert (shown[mask & (digital.nearest >= 0)] == 2).all()
    # Beyond the stroke only pixels of the same voxels show it.
    beyond = shown.astype(bool) & ~mask
    assert np.isin(digital.nearest[beyond], digital.nearest[mask]).all()
    where = digital.voxels(mask)
    np.testing.assert_array_equal(digital.voxels(mask | (shown > 0)), where)


@given(digital_planes, sides, sides)
def test_a_stroke_in_parts_is_the_stroke(digital, seed, other) -> None:
    one, two = scribble(digital, seed), scribble(digital, other)
    parts = np.union1d(digital.voxels(one), digital.voxels(two))
    np.testing.assert_array_equal(digital.voxels(one | two), parts)


@given(digital_planes, sides)
def test_painting_then_erasing_is_the_identity(digital, seed) -> None:
    annotation = Annotation(digital.shape)
    where = digital.voxels(scribble(digital, seed))
    assume(where.size > 0)
    for label in (2, 0):
        edit = annotation.change(where, label)
        assert edit is not None
        np.testing.assert_array_equal(edit.where, where)
        annotation.apply(edit)
    assert annotation.annotated == 0


@given(st.integers(0, 2), st.integers(-3, 3), shapes, spacings)
def test_along_the_axes_it_is_the_slice(axis, steps, shape, spacing) -> None:
    tilt, turn = [(0, 0), (90, 0), (0, 90)][axis]
    position = shape[axis] // 2 + steps
    assume(0 <= position < shape[axis])
    digital = DigitalPlane(ObliquePlane(tilt, turn, steps * spacing[axis]), shape, spacing)
    assert digital.step == pytest.approx(spacing[axis])
    there = Plane(axis, position)
    slice_ = there.voxels(np.ones_like(there.take(np.empty(shape)), bool), shape)
    np.testing.assert_array_equal(digital.voxels(np.ones(digital.size, bool)), np.sort(slice_))


@given(digital_planes)
def test_the_picture_of_a_ramp_is_the_ramp(digital: DigitalPlane) -> None:
    z, y, x = np.indices(digital.shape)
    picture = digital.reslice(3 * z + 2 * y - x + 50.0)
    rows, columns = np.indices(digital.size)
    points = digital._start[:, None, None] + np.einsum(
        "ka,krc->arc", digital._steps, np.array([rows, columns])
    )
    edge = np.array(digital.shape)[:, None, None] - 1
    z, y, x = np.clip(points, 0, edge)
    inside = digital.nearest >= 0
    np.testing.assert_allclose(picture[inside], (3 * z + 2 * y - x + 50)[inside], rtol=1e-4)
    assert np.isnan(picture[~inside]).all()


@pytest.mark.parametrize("dtype", ["?", "u1", ">u2", "i8", "f2", "f8"])
def test_images_of_all_types_can_be_resliced(dtype: str) -> None:
    digital = DigitalPlane(ObliquePlane(20, 30), (8, 9, 10), (2, 1, 1))
    picture = digital.reslice(np.ones((8, 9, 10), dtype))
    np.testing.assert_array_equal(picture, np.where(digital.nearest >= 0, 1, np.nan))


@given(planes)
def test_a_plane_is_the_one_across_its_normal(plane: ObliquePlane) -> None:
    for sign in (1, -1):
        same = ObliquePlane.across(sign * 3 * plane.normal, plane.offset * plane.normal)
        towards = np.sign(same.normal @ plane.normal)
        np.testing.assert_allclose(towards * same.normal, plane.normal, atol=1e-7)
        assert towards * same.offset == pytest.approx(plane.offset, abs=1e-6)
        assert abs(same.tilt) <= 90
        assert abs(same.turn) <= 90


@given(planes)
def test_the_axes_are_at_right_angles(plane: ObliquePlane) -> None:
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(3), atol=1e-9)


@given(st.lists(st.tuples(*[st.integers(-50, 50)] * 3), min_size=3, max_size=3))
def test_the_plane_through_three_points_holds_them(points) -> None:
    one, two, three = np.array(points, float)
    if not np.cross(two - one, three - one).any():
        with pytest.raises(Problem, match="on a line"):
            ObliquePlane.through(points)
        return
    plane = ObliquePlane.through(points)
    np.testing.assert_allclose(np.array(points) @ plane.normal, plane.offset, atol=1e-6)


def test_nothing_painted_is_no_voxel() -> None:
    digital = DigitalPlane(ObliquePlane(20, 30), (8, 9, 10), (2, 1, 1))
    assert digital.voxels(np.zeros(digital.size, bool)).size == 0


@settings(deadline=None, max_examples=60)
@given(angles, angles, st.tuples(*[st.sampled_from([0.7, 1.0, 2.5])] * 3))
def test_the_normal_is_found_from_the_voxels(
    tilt: float, turn: float, spacing: tuple[float, float, float]
) -> None:
    shape = (30, 34, 38)
    plane = ObliquePlane(tilt, turn, 1.0)
    digital = DigitalPlane(plane, shape, spacing)
    where = digital.voxels(np.ones(digital.size, bool))
    normal = normal_of(np.stack(np.unravel_index(where, shape)), spacing)
    assert normal is not None
    assert abs(normal @ plane.normal) > np.cos(np.radians(3))
    assert normal[np.abs(normal).argmax()] > 0


def test_balls_and_lines_lie_on_no_plane_of_their_own() -> None:
    ball = np.argwhere(np.linalg.norm(np.indices((11, 11, 11)) - 5.0, axis=0) < 5).T
    line = np.stack([np.arange(20), np.arange(20), np.arange(20) // 2])
    for zyx in (ball, line):
        assert normal_of(zyx, (1.0, 1.0, 1.0)) is None
