from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box
from napari_densify.cases.digital_plane import DigitalPlane
from napari_densify.cases.oblique import ObliquePlane
from napari_densify.cases.plane import Plane
from napari_densify.learn.sampler import NEWEST, Sampler

SHAPE = (48, 56, 64)
STRIDE = (4, 4, 4)
VOXELS = 24**3


def make(shape: tuple[int, int, int] = SHAPE, seed: int = 0) -> tuple[Annotation, Sampler]:
    annotation = Annotation(shape)
    return annotation, Sampler(annotation, STRIDE, VOXELS, np.random.default_rng(seed))


def paint(
    annotation: Annotation, sampler: Sampler, where: object, label: int, new_round: bool = False
) -> None:
    edit = annotation.change(np.asarray(where), label, new_round=new_round)
    assert edit is not None
    annotation.apply(edit)
    sampler.notice(edit)


def on_plane(plane: Plane, rows: slice, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """Voxels of some rows of a plane."""
    mask = np.zeros(plane.take(np.empty(shape)).shape, bool)
    mask[rows] = True
    return plane.voxels(mask, shape)


@settings(deadline=None, max_examples=40)
@given(
    st.tuples(st.integers(8, 20), st.integers(8, 40), st.integers(8, 40)),
    st.integers(0, 10**6),
    st.data(),
)
def test_every_patch_holds_annotated_voxels(
    shape: tuple[int, int, int], seed: int, data: st.DataObject
) -> None:
    annotation, sampler = make(shape, seed)
    last = int(np.prod(shape)) - 1
    for label in (1, 2):
        paint(annotation, sampler, data.draw(st.lists(st.integers(0, last), min_size=1)), label)
    for _ in range(8):
        boxes = [patch.box for patch in sampler.draw(2)]
        assert boxes[0].shape == boxes[1].shape
        for box in boxes:
            assert annotation.labels[box.slices].any()
            assert all(n % s == 0 for n, s in zip(box.shape, STRIDE, strict=True))


def test_classes_are_drawn_uniformly_however_rare_they_are() -> None:
    annotation, sampler = make()
    for row, label, width in ((5, 1, 3000), (25, 2, 300), (45, 3, 30)):
        start = row * SHAPE[1] * SHAPE[2]
        paint(annotation, sampler, np.arange(start, start + width), label)
    drawn = [annotation.labels.flat[sampler._voxel(3, NEWEST)] for _ in range(900)]
    share = np.bincount(drawn, minlength=4)[1:] / 900
    np.testing.assert_allclose(share, 1 / 3, atol=0.07)


def test_a_tenth_of_the_draws_goes_to_the_newest_round() -> None:
    annotation, sampler = make()
    paint(annotation, sampler, np.arange(0, 4000), 1)
    paint(annotation, sampler, np.arange(4000, 8000), 2)
    paint(annotation, sampler, np.arange(100_000, 100_020), 2, new_round=True)
    rounds = [annotation.marks["round"].flat[sampler._voxel(3, NEWEST)] for _ in range(900)]
    assert 0.06 < np.mean(rounds) < 0.15


def test_an_edit_is_learned_from_at_once() -> None:
    annotation, sampler = make()
    paint(annotation, sampler, np.arange(0, 4000), 1)
    for start in range(100_000, 101_000, 100):
        paint(annotation, sampler, np.arange(start, start + 20), 2, new_round=True)
        first, later = sampler.draw(2)[0], sampler.draw(2)[0]
        assert start <= first.voxel < start + 20
        assert np.prod(first.box.shape) < np.prod(later.box.shape) / 2


def test_an_undone_stroke_is_not_drawn_any_more() -> None:
    annotation, sampler = make()
    paint(annotation, sampler, [0, 1], 1)
    paint(annotation, sampler, [5000], 2)
    paint(annotation, sampler, [90_000], 3, new_round=True)
    edit = annotation.undo()
    assert edit is not None
    annotation.apply(edit)
    sampler.notice(edit)
    assert {int(annotation.labels.flat[sampler._voxel(3, NEWEST)]) for _ in range(60)} == {1, 2}


def test_nothing_is_left_after_everything_is_erased() -> None:
    annotation, sampler = make()
    paint(annotation, sampler, [1, 2], 1)
    paint(annotation, sampler, [1, 2], 0)
    paint(annotation, sampler, [7], 2)
    assert sampler._voxel(3, NEWEST) == 7


def test_an_edit_of_nothing_is_no_trouble() -> None:
    annotation, sampler = make()
    edit = annotation.everything()
    annotation.apply(edit)
    sampler.notice(edit)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slabs_lie_along_the_painted_plane(axis: int) -> None:
    annotation, sampler = make()
    plane = Plane(axis, 20)
    paint(annotation, sampler, on_plane(plane, slice(0, 20)), 1)
    paint(annotation, sampler, on_plane(plane, slice(20, 40)), 2)
    shapes = [sampler.draw(1)[0].box.shape for _ in range(100)]
    slabs = [s for s in shapes if len(set(s)) > 1]
    assert 30 < len(slabs) < 70
    assert all(int(np.argmin(s)) == axis for s in slabs)


def test_slabs_lie_along_slices_that_came_as_one_edit() -> None:
    annotation, sampler = make()
    planes = [Plane(0, 20), Plane(1, 31), Plane(2, 7)]
    where = np.unique(np.concatenate([on_plane(plane, slice(None)) for plane in planes]))
    paint(annotation, sampler, where, 1)
    shapes = [sampler.draw(1)[0].box.shape for _ in range(200)]
    slabs = [int(np.argmin(s)) for s in shapes if len(set(s)) > 1]
    assert 60 < len(slabs) < 130
    assert set(slabs) == {0, 1, 2}


def test_a_painted_ball_lies_on_no_slice() -> None:
    annotation, sampler = make()
    distance = np.linalg.norm(np.indices(SHAPE).T - (24, 28, 32), axis=-1).T
    paint(annotation, sampler, np.flatnonzero(distance < 8), 1)
    assert all(len(set(sampler.draw(1)[0].box.shape)) == 1 for _ in range(50))


@pytest.mark.parametrize(("tilt", "turn"), [(40, 10), (-35, 50), (20, -80)])
def test_slabs_lie_along_an_oblique_plane(tilt: float, turn: float) -> None:
    spacing = (2.0, 1.0, 1.0)
    annotation = Annotation(SHAPE)
    sampler = Sampler(annotation, STRIDE, VOXELS, np.random.default_rng(0), spacing)
    plane = ObliquePlane(tilt, turn, 1.0)
    digital = DigitalPlane(plane, SHAPE, spacing)
    for rows, label in (
        (slice(0, digital.size[0] // 2), 1),
        (slice(digital.size[0] // 2, None), 2),
    ):
        mask = np.zeros(digital.size, bool)
        mask[rows] = True
        paint(annotation, sampler, digital.voxels(mask), label)
    painted = annotation.labels > 0
    normal = plane.normal * np.sign(plane.normal[np.abs(plane.normal).argmax()])
    seen: dict[bool, list[int]] = {True: [], False: []}
    patches = [sampler.draw(1)[0] for _ in range(120)]
    turned = [patch for patch in patches if patch.turn is not None]
    assert 40 < len(turned) < 80
    for patch in turned:
        assert patch.turn is not None
        np.testing.assert_allclose(patch.turn @ patch.turn.T, np.eye(3), atol=1e-9)
        axis = int(np.argmin(np.array(patch.box.shape) * spacing))
        assert patch.turn[:, axis] @ normal > np.cos(np.radians(3))
        for along in (True, False):
            matrix = patch.turn if along else np.eye(3)
            where = places(patch.box, matrix, spacing)
            inside = ((where >= 0) & (where < SHAPE)).all(axis=1)
            seen[along].append(int(painted[tuple(where[inside].T)].sum()))
            if along:
                voxel = np.array(np.unravel_index(patch.voxel, SHAPE))
                assert np.abs(where - voxel).max(axis=1).min() <= 1
    assert np.mean(seen[True]) > 1.3 * np.mean(seen[False])


def places(box: Box, turn: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """(n, 3) voxels that a patch's come from, turned about its middle and not varied."""
    middle = (np.array(box.start) + box.stop) / 2 - 0.5
    grid = np.stack(np.meshgrid(*map(np.arange, box.shape), indexing="ij"), axis=-1)
    away = (grid.reshape(-1, 3) - (np.array(box.shape) - 1) / 2) * spacing
    return np.rint(away @ turn.T / spacing + middle).astype(int)


def test_strokes_on_one_oblique_plane_share_it_and_others_do_not() -> None:
    annotation, sampler = make()
    for number, tilt in enumerate((30.0, 30.0, -30.0)):
        digital = DigitalPlane(ObliquePlane(tilt, 20.0, 4.0 * number), SHAPE, (1.0, 1.0, 1.0))
        paint(annotation, sampler, digital.voxels(np.ones(digital.size, bool)), number + 1)
    assert len(sampler._tilts) == 2
    paint(annotation, sampler, np.arange(9000, 40_000), 2)
    assert len(sampler._tilts) == 2


def test_no_orientation_is_drawn_larger_than_another() -> None:
    sampler = make((64, 64, 64))[1]
    thin = [sorted(size) for size in sampler.sizes[:3]]
    assert thin[0] == thin[1] == thin[2]
