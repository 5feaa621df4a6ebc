"""Images of other voxel sizes: nothing painted is lost, and the answer lies where it belongs."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box
from napari_densify.learn import grid as module
from napari_densify.learn.grid import Grid

shapes = st.tuples(*[st.integers(3, 14)] * 3)
ratios = st.tuples(*[st.sampled_from([1 / 3, 0.45, 0.7, 1.0, 1.5, 2.0, 3.7])] * 3)


@st.composite
def paintings(draw: st.DrawFn) -> tuple[Grid, list[tuple[np.ndarray, int]]]:
    shape = draw(shapes)
    grid = Grid(shape, (1.0, 1.0, 1.0), draw(ratios))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    voxels = int(np.prod(shape))
    strokes = [
        (np.unique(rng.integers(0, voxels, rng.integers(1, 40))), int(rng.integers(0, 4)))
        for _ in range(draw(st.integers(1, 5)))
    ]
    return grid, strokes


def paint(grid: Grid, strokes: list[tuple[np.ndarray, int]]) -> tuple[Annotation, Annotation]:
    outer, inner = Annotation(grid.outer), Annotation(grid.inner)
    for where, label in strokes:
        edit = outer.change(where, label, wrong=label == 2, new_round=label == 3)
        if edit is not None:
            outer.apply(edit)
            follows = grid.edit(edit, outer, inner)
            if follows is not None:
                inner.apply(follows)
    return outer, inner


def test_nearly_the_same_voxels_are_taken_as_they_are() -> None:
    assert Grid((9, 9, 9), (1.0, 1.2, 0.9), (1.0, 1.0, 1.0)).same
    assert Grid((9, 9, 9), (1.0, 1.2, 0.9)).same
    grid = Grid((9, 9, 9), (3.0, 1.2, 0.9), (1.0, 1.0, 1.0))
    assert grid.inner == (27, 9, 9)
    assert grid.spacing == (1.0, 1.2, 0.9)


@settings(deadline=None)
@given(paintings())
def test_what_they_become_depends_on_what_is_painted_not_on_how(
    painting: tuple[Grid, list[tuple[np.ndarray, int]]],
) -> None:
    grid, strokes = painting
    with patch.object(module, "TILE", 4):
        outer, inner = paint(grid, strokes)
    at_once = Annotation(grid.inner)
    if outer.annotated:
        edit = grid.edit(outer.everything(), outer, at_once)
        assert edit is not None
        at_once.apply(edit)
    np.testing.assert_array_equal(inner.marks, at_once.marks)


@settings(deadline=None)
@given(paintings())
def test_no_structure_is_lost_and_none_appears(
    painting: tuple[Grid, list[tuple[np.ndarray, int]]],
) -> None:
    grid, strokes = painting
    outer, inner = paint(grid, strokes)
    painted, reached = outer.labels, inner.labels
    for voxel in np.argwhere(painted):
        middle = [(v + 0.5) / r for v, r in zip(voxel, grid.ratio, strict=True)]
        there = tuple(min(int(m), n - 1) for m, n in zip(middle, grid.inner, strict=True))
        assert reached[there] >= painted[tuple(voxel)]
    for voxel in np.argwhere(reached):
        low = [int(np.floor(v * r)) for v, r in zip(voxel, grid.ratio, strict=True)]
        high = [int(np.ceil((v + 1) * r)) for v, r in zip(voxel, grid.ratio, strict=True)]
        around = painted[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        assert reached[tuple(voxel)] in around


@settings(deadline=None)
@given(shapes, ratios, st.data())
def test_answers_come_back_to_where_they_belong(
    shape: tuple[int, int, int], ratio: tuple[float, float, float], data: st.DataObject
) -> None:
    grid = Grid(shape, (1.0, 1.0, 1.0), ratio)
    axis = data.draw(st.integers(0, 2))
    ramp = (torch.arange(grid.inner[axis]) + 0.5) * grid.ratio[axis] - 0.5
    ramp = ramp.reshape([-1 if d == axis else 1 for d in range(3)]).expand(grid.inner)[None]
    start = [data.draw(st.integers(0, n - 1)) for n in shape]
    stop = [data.draw(st.integers(a + 1, n)) for a, n in zip(start, shape, strict=True)]
    box = Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
    inner = grid.covering(box)
    answer = grid.back(ramp[:, *inner.slices].float(), inner, box)
    assert answer.shape == (1, *box.shape)
    edge = float(ramp.min()), float(ramp.max())
    expected = torch.arange(start[axis], stop[axis]).float().clamp(*edge)
    got = answer[0].movedim(axis, 0).reshape(len(expected), -1)
    torch.testing.assert_close(got, expected[:, None].expand_as(got).float(), atol=1e-3, rtol=0)


def test_an_image_of_other_voxels_shows_the_same_place() -> None:
    z, _, _ = np.meshgrid(np.arange(12), np.arange(8), np.arange(8), indexing="ij")
    values = z[None].astype(np.float32)
    image = Grid(z.shape, (1.0, 1.0, 1.0), (2.0, 1.0, 0.5)).image(values)
    assert image.shape == (1, 6, 8, 16)
    np.testing.assert_allclose(image[0, 1:-1, 4, 8], np.arange(1, 5) * 2 + 0.5, atol=0.05)
