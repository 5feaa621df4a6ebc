"""Which slices are suggested: properties that hold whatever is predicted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box
from napari_densify.cases.checked import Checked
from napari_densify.cases.plane import Plane
from napari_densify.cases.volume import Volume
from napari_densify.session.news import Block
from napari_densify.session.session import Session
from napari_densify.session.suggest import SAMPLES, Suggestion, distance_to, suggest

SHAPES = st.tuples(st.integers(1, 9), st.integers(2, 12), st.integers(3, 20))
SPACINGS = st.tuples(*[st.sampled_from([0.5, 1.0, 3.0])] * 3)


def session_of(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], seed: int
) -> Session:
    """A session in which something was painted and predicted at random."""
    rng = np.random.default_rng(seed)
    session = Session(Volume(np.zeros(shape, np.float32), spacing=spacing))
    where = np.unique(rng.integers(0, np.prod(shape), 5))
    session.paint(where, rng.integers(1, 4, where.size).astype(np.uint8))
    predict(session, rng.integers(1, 4, shape), rng.integers(0, 256, shape))
    return session


def predict(session: Session, labels: NDArray[np.int64], uncertainty: NDArray[np.int64]) -> None:
    whole = Box((0, 0, 0), session.volume.shape)
    session.take(Block(whole, labels.astype(np.uint8), uncertainty.astype(np.uint8)))


@settings(deadline=None, max_examples=40)
@given(SHAPES, SPACINGS, st.integers(0, 10**6), st.data())
def test_what_is_suggested_lies_in_the_volume_and_is_not_checked(
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    seed: int,
    data: st.DataObject,
) -> None:
    session = session_of(shape, spacing, seed)
    for axis, n in enumerate(shape):
        for position in data.draw(st.sets(st.integers(0, n - 1))):
            session.check(Plane(axis, position))
    found = suggest(session)
    planes = [each.plane for each in found]
    assert len(set(planes)) == len(planes) <= 3
    for each in found:
        assert 0 <= each.plane.position < shape[each.plane.axis]
        assert each.plane not in session.checked
        assert each.label in (1, 2, 3)
        assert 0 < each.doubt <= 1
        assert each.distance >= 0


@settings(deadline=None, max_examples=25)
@given(SHAPES, SPACINGS, st.integers(0, 10**6), st.permutations(range(3)))
def test_the_axes_are_only_names(
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    seed: int,
    order: list[int],
) -> None:
    session = session_of(shape, spacing, seed)
    turned = Session(
        Volume(
            np.zeros([shape[a] for a in order], np.float32),
            spacing=tuple(spacing[a] for a in order),
        )
    )
    where = np.argwhere(session.annotation.labels > 0)
    turned.paint(
        np.ravel_multi_index(tuple(where[:, order].T), turned.volume.shape),
        session.annotation.labels[tuple(where.T)],
    )
    predict(turned, session.prediction.transpose(order), session.uncertainty.transpose(order))
    worth = [each.doubt for each in suggest(session, 1)]
    plane = [(order.index(e.plane.axis), e.plane.position) for e in suggest(session, 1)]
    again = suggest(turned, 1)
    assert [each.doubt for each in again] == pytest.approx(worth)
    assert [(e.plane.axis, e.plane.position) for e in again] == plane


@settings(deadline=None, max_examples=25)
@given(SHAPES, st.integers(0, 10**6), st.floats(0.01, 100))
def test_the_unit_of_length_does_not_matter(
    shape: tuple[int, int, int], seed: int, scale: float
) -> None:
    one = suggest(session_of(shape, (1.0, 1.0, 1.0), seed))
    other = suggest(session_of(shape, (scale, scale, scale), seed))
    assert [each.plane for each in one] == [each.plane for each in other]
    for a, b in zip(one, other, strict=True):
        assert b.distance == pytest.approx(scale * a.distance)


@settings(deadline=None, max_examples=25)
@given(SHAPES, SPACINGS, st.lists(st.integers(0, 10**6), min_size=1, max_size=9))
def test_distances_are_to_the_nearest_painted_voxel(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], where: list[int]
) -> None:
    annotation = Annotation(shape)
    voxels = np.unique(np.array(where) % np.prod(shape))
    edit = annotation.change(voxels, 2)
    assert edit is not None
    annotation.apply(edit)
    painted = np.stack(np.unravel_index(voxels, shape), axis=1) * spacing
    here = np.stack(np.indices(shape), axis=-1).reshape(-1, 1, 3) * np.array(spacing)
    expected = np.linalg.norm(here - painted, axis=2).min(axis=1).reshape(shape)
    np.testing.assert_allclose(distance_to(annotation, (1, 1, 1), spacing), expected)


def doubtful(shape: tuple[int, int, int] = (20, 20, 20)) -> tuple[Session, NDArray[np.int64]]:
    """A session with one corner painted and nothing uncertain yet."""
    session = Session(Volume(np.zeros(shape, np.float32)))
    session.paint(np.arange(2), np.array([1, 2], np.uint8))
    labels = np.ones(shape, np.int64)
    labels[5:15, 5:15, 5:15] = 2
    return session, labels


def only(found: list[Suggestion]) -> Suggestion:
    assert found
    return found[0]


def test_the_most_uncertain_slice_comes_first_with_its_class() -> None:
    session, labels = doubtful()
    uncertainty = np.full(labels.shape, 10)
    uncertainty[:, 12, :] = 200
    predict(session, labels, uncertainty)
    best = only(suggest(session))
    assert best.plane == Plane(1, 12)
    assert best.label == 2
    assert best.doubt == pytest.approx(200 / 255)


def test_a_large_background_does_not_decide_alone() -> None:
    session, labels = doubtful((20, 60, 60))
    uncertainty = np.zeros(labels.shape, np.int64)
    uncertainty[labels == 1] = 60
    uncertainty[7, 5:15, 5:15] = 200  # the structure, 36 times smaller than a slice
    predict(session, labels, uncertainty)
    assert only(suggest(session)).plane == Plane(0, 7)


def test_what_is_painted_near_by_counts_less() -> None:
    session, labels = doubtful()
    uncertainty = np.zeros(labels.shape, np.int64)
    uncertainty[8] = uncertainty[13] = 100
    predict(session, labels, uncertainty)
    assert only(suggest(session)).plane == Plane(0, 13)  # farther from the painted corner
    session.paint(Plane(0, 14).voxels(np.ones((20, 20), bool), labels.shape), 1)
    assert only(suggest(session)).plane == Plane(0, 8)


def test_a_checked_slice_is_known_like_a_painted_one() -> None:
    session, labels = doubtful()
    uncertainty = np.zeros(labels.shape, np.int64)
    uncertainty[8] = uncertainty[13] = 100
    predict(session, labels, uncertainty)
    session.check(Plane(0, 13))
    assert only(suggest(session)).plane == Plane(0, 8)


def test_runners_up_are_not_neighbours_of_the_first() -> None:
    session, labels = doubtful()
    uncertainty = np.zeros(labels.shape, np.int64)
    uncertainty[7:10] = [[[99]], [[100]], [[98]]]
    uncertainty[13] = 50
    predict(session, labels, uncertainty)
    planes = [each.plane for each in suggest(session)]
    assert planes[:2] == [Plane(0, 8), Plane(0, 13)]


def test_nothing_is_suggested_where_nothing_is_to_be_said() -> None:
    session = Session(Volume(np.zeros((4, 5, 6), np.float32)))
    assert suggest(session) == []
    predict(session, np.ones((4, 5, 6), np.int64), np.full((4, 5, 6), 99))
    assert suggest(session)
    everything = tuple(tuple(range(n)) for n in (4, 5, 6))
    for axis, positions in enumerate(everything):
        for position in positions:
            session.check(Plane(axis, position))
    assert session.checked == Checked(slices=everything)
    assert suggest(session) == []


def test_large_volumes_are_sampled_and_slices_are_still_found() -> None:
    shape = (4 * SAMPLES, 8, 2 * SAMPLES + 1)
    session = Session(Volume(np.zeros(shape, np.float32)))
    session.paint(np.arange(2), np.array([1, 2], np.uint8))
    uncertainty = np.full(shape, 2)
    uncertainty[298:306] = 250
    predict(session, np.ones(shape, np.int64), uncertainty)
    best = only(suggest(session))
    assert best.plane.axis == 0
    assert 298 <= best.plane.position < 306
