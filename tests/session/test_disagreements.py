"""Where network and annotation contradict each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box, tiles
from napari_densify.cases.volume import Volume
from napari_densify.session import learning
from napari_densify.session.disagreements import Disagreements
from napari_densify.session.news import Block
from napari_densify.session.session import Session
from napari_densify.session.surgery import delete, merge

SHAPE = (7, 8, 9)


def painted(seed: int) -> tuple[Annotation, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    annotation = Annotation(SHAPE)
    labels = rng.integers(0, 3, SHAPE).astype(np.uint8)
    edit = annotation.change(np.flatnonzero(labels), labels[labels > 0], wrong=False)
    assert edit is not None
    annotation.apply(edit)
    return annotation, labels, rng


@given(seed=st.integers(0, 999))
def test_places_are_the_connected_pieces_whatever_the_blocks_they_came_in(seed: int) -> None:
    annotation, labels, rng = painted(seed)
    predicted = rng.integers(1, 3, SHAPE).astype(np.uint8)
    noted = Disagreements(annotation)
    stale = np.full(SHAPE, 1, np.uint8)
    for box in [Box((0, 0, 0), SHAPE), *tiles(SHAPE, [4, 3, 5])]:
        now = stale if box.shape == SHAPE else predicted
        noted.note(box, labels[box.slices], now[box.slices])
    expected = []
    for label in (1, 2):
        pieces, _ = ndimage.label((labels == label) & (predicted != label), np.ones((3, 3, 3)))
        expected += np.bincount(pieces.ravel())[1:].tolist()
    places = noted.places(10**6)
    assert [p.voxels for p in places] == sorted(expected, reverse=True)
    for place in places:
        assert labels[place.at] == place.painted != place.predicted == predicted[place.at]
    assert noted.places(2) == places[:2]


def test_a_mended_place_is_gone(phantom: Volume) -> None:
    session = Session(phantom)
    where = np.ravel_multi_index(
        (np.array([3, 3]), np.array([4, 5]), np.array([6, 6])), (24, 28, 32)
    )
    session.paint(where, 2)
    ones = np.ones(phantom.shape, np.uint8)
    session.take(Block(Box((0, 0, 0), phantom.shape), ones, ones))
    (place,) = session.disagreements.places(5)
    assert (place.voxels, place.painted, place.predicted) == (2, 2, 1)
    assert session.prediction[place.at] == 2, "what was painted is law"
    session.paint(where, 1)
    assert session.disagreements.places(5) == []
    session.paint(where, 2)
    learning.forget(session)
    assert session.disagreements.places(5) == []


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("into", [2, 0])
def test_what_was_predicted_as_a_class_that_is_gone_contradicts_nothing(
    phantom: Volume, into: int, late: bool
) -> None:
    session = Session(phantom)
    session.paint(np.arange(4), 2)
    threes = np.full(phantom.shape, 3, np.uint8)
    block = Block(Box((0, 0, 0), phantom.shape), threes, threes)
    session.take(block)
    assert session.disagreements.places(5)
    merge(session, 3, into) if into else delete(session, 3)
    if late:
        session.take(block)  # it was under way
    assert session.disagreements.places(5) == []
