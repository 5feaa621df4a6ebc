"""Whose a voxel's label is; and that what the user said is never contradicted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box
from napari_densify.cases.export import as_structures
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.plane import Plane
from napari_densify.cases.reference import describe
from napari_densify.cases.stored import painted_on
from napari_densify.cases.volume import Volume, content_hash
from napari_densify.session import slices
from napari_densify.session.learning import forget
from napari_densify.session.news import Block, Phase, Status
from napari_densify.session.provenance import (
    ACCEPTED,
    CORRECTED,
    NETWORK,
    PAINTED,
    corrected_rounds,
    provenance,
    whole_provenance,
)
from napari_densify.session.session import Session

SHAPE = (4, 5, 6)
WHOLE = Box((0, 0, 0), SHAPE)
SLICE_ACTIONS = (slices.complete, slices.accept, slices.clear, slices.copy)


def show(session: Session, labels: NDArray[np.uint8], box: Box = WHOLE) -> None:
    """Let a prediction arrive, and say that all is up to date."""
    session.take(Block(box, labels, np.full(box.shape, 7, np.uint8)))
    status = Status(Phase.TRAINING, edits=session.orders.given, complete=True)
    session.take(status)


def whence(session: Session) -> NDArray[np.uint8]:
    return provenance(session.annotation.marks, session.prediction)


def test_painted_accepted_corrected_and_the_networks_are_told_apart() -> None:
    session = Session(Volume(np.zeros(SHAPE, np.float32)))
    session.paint(np.arange(3), 1)
    session.paint(np.array([3]), 2)
    labels = np.ones(SHAPE, np.uint8)
    labels[1] = 2
    show(session, labels)
    session.paint(np.array([4, 5]), np.array([2, 1], np.uint8))  # 5 was right as predicted
    show(session, labels)
    session.paint(np.array([6]), 3)
    show(session, labels)
    slices.accept(session, Plane(0, 3))
    flat = whence(session).reshape(-1)
    assert list(flat[:8]) == [PAINTED] * 4 + [CORRECTED + 1, PAINTED, CORRECTED + 2, 0]
    np.testing.assert_array_equal(whence(session)[1], NETWORK)
    np.testing.assert_array_equal(whence(session)[3], ACCEPTED)
    assert corrected_rounds(session.annotation) == [1, 2]
    session.undo()
    np.testing.assert_array_equal(whence(session)[3], 0)


def test_late_rounds_that_share_a_number_share_a_name() -> None:
    annotation = Annotation(SHAPE)
    for voxel, round_ in enumerate((1, 249, 250, 251, 254)):
        annotation.round = round_
        edit = annotation.change(np.array([voxel]), 2, wrong=True)
        assert edit is not None
        annotation.apply(edit)
    whence, names = whole_provenance(annotation, np.ones(SHAPE, np.uint8))
    said = {label.label: label.name for label in names}
    assert [said[int(number)] for number in whence.reshape(-1)[:5]] == [
        "corrected in round 1",
        "corrected in round 249",
        *["corrected in round 250 or later"] * 3,
    ]
    assert {"painted", "accepted", "network"} < set(said.values())
    assert len(said) == len(names) == 6


def test_a_last_round_that_is_alone_has_its_own_name() -> None:
    annotation = Annotation(SHAPE)
    annotation.round = 250
    edit = annotation.change(np.arange(3), 2, wrong=True)
    assert edit is not None
    annotation.apply(edit)
    whence, names = whole_provenance(annotation, np.ones(SHAPE, np.uint8))
    assert {label.label: label.name for label in names}[int(whence[0, 0, 0])] == (
        "corrected in round 250"
    )


Action = tuple[str, int, int]
actions = st.lists(
    st.one_of(
        st.tuples(st.just("paint"), st.integers(0, 119), st.integers(0, 4)),
        st.tuples(st.just("predict"), st.integers(0, 999), st.integers(0, 3)),
        st.tuples(st.just("slice"), st.integers(0, 3), st.integers(0, 14)),
        st.tuples(st.sampled_from(["undo", "redo", "forget"]), st.just(0), st.just(0)),
    ),
    max_size=14,
)


def do(session: Session, action: Action) -> None:
    kind, number, other = action
    if kind == "paint":
        session.paint(np.arange(number, min(number + 9, 120)), other)
    elif kind == "predict":
        rng = np.random.default_rng(number)
        box = Box((other, 0, 0), (4, 5, 6))
        show(session, rng.integers(1, 4, box.shape).astype(np.uint8), box)
    elif kind == "slice":
        axis = other % 3
        SLICE_ACTIONS[number](session, Plane(axis, other % SHAPE[axis]))
    elif kind == "forget":
        forget(session)
    else:
        getattr(session, kind)()


@settings(deadline=None, max_examples=60)
@given(actions)
def test_painted_voxels_are_law(history: list[Action]) -> None:
    session = Session(Volume(np.zeros(SHAPE, np.float32)))
    for action in history:
        do(session, action)
        painted = session.annotation.labels
        there = painted > 0
        np.testing.assert_array_equal(session.prediction[there], painted[there])
        np.testing.assert_array_equal(as_structures(session.prediction)[there], painted[there] - 1)
        assert not session.uncertainty[there].any()
        by_user = whence(session) != np.where(session.prediction > 1, NETWORK, 0)
        np.testing.assert_array_equal(by_user, there)


def test_what_is_found_on_the_disk_is_no_exception(tmp_path: Path) -> None:
    volume = Volume(np.random.default_rng(0).random(SHAPE, np.float32))
    about = describe(volume, None, content_hash(volume))
    project = ProjectFolder(tmp_path / "a.densify", about)
    session = Session(volume, project=project)
    session.paint(np.arange(9), 3)
    session.close()
    project.learned.save_prediction(np.full(SHAPE, 2, np.uint8), [WHOLE])
    again = ProjectFolder(project.path)
    reopened = Session(volume, project=again)
    np.testing.assert_array_equal(reopened.prediction.reshape(-1)[:9], 3)
    assert reopened.prediction[3, 3, 3] == 2
    reopened.close()
    painted = painted_on(project.path, volume)
    assert painted is not None
    np.testing.assert_array_equal(painted[0].labels, again.annotation.labels)
    assert painted_on(project.path, volume.like(volume.data + 1)) is None
