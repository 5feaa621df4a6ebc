"""Merging and deleting classes while it learns, and classes that are locked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_densify.cases.box import Box
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.plane import Plane
from napari_densify.cases.project import Label
from napari_densify.cases.reference import describe
from napari_densify.cases.volume import Volume
from napari_densify.session import learning
from napari_densify.session.folding import fold
from napari_densify.session.link import Settings
from napari_densify.session.news import Block, OtherCase
from napari_densify.session.session import Session
from napari_densify.session.slices import accept
from napari_densify.session.surgery import delete, extent, merge, redrawn
from tests.session.conftest import PLANES, Drive, paint

MakeDrive = Callable[[Session], Drive]


def redraw(session: Session) -> None:
    """What the window does in a thread."""
    for draw in redrawn(session, 3):
        draw()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("into", [2, 0])
def test_a_class_goes_at_once_and_comes_back_by_undo(
    painted: Session, drive: MakeDrive, into: int
) -> None:
    session = painted
    marks = session.annotation.marks
    session.train()
    go = drive(session)
    go(lambda: session.up_to_date)
    assert extent(session, 3).predicted > 0
    steps = session.status.steps
    assert (merge(session, 3, into) if into else delete(session, 3)) is not None
    assert 3 not in session.annotation.classes
    redraw(session)
    assert not (session.prediction == 3).any()
    expected = marks.copy()
    of_it = marks["label"] == 3
    expected["label"][of_it] = into
    if into:
        np.testing.assert_array_equal(session.annotation.marks, expected)
    else:
        assert not session.annotation.marks[of_it]["label"].any()
    go(lambda: session.up_to_date)
    assert session.status.steps >= steps, "what was learned stays"
    assert not (session.prediction == 3).any()
    assert (session.prediction > 0).all()
    session.undo()
    np.testing.assert_array_equal(session.annotation.marks, marks)
    go(lambda: session.up_to_date)
    assert extent(session, 3).predicted > 0


@pytest.mark.usefixtures("impatient")
def test_what_is_learned_anew_knows_nothing_of_a_class_that_is_gone(
    painted: Session, phantom: Volume, tiny: Settings, drive: MakeDrive
) -> None:
    everything = painted.annotation.everything()
    session = Session(phantom, settings=tiny, others=[OtherCase(phantom, everything)])
    session.commit(everything)
    session.orders.require([1, 2, 3])
    session.train()
    go = drive(session)
    go(lambda: session.status.steps > 0)
    merge(session, 3, 2)
    learning.forget(session)
    go(lambda: session.status.edits == session.orders.given and session.status.steps > 0)
    session.pause()
    go(lambda: session.orders.model is not None)
    assert session.orders.model is not None
    assert safetensors.numpy.load(session.orders.model)["classes"].tolist() == [1, 2]


@pytest.mark.usefixtures("impatient")
def test_what_becomes_a_class_that_is_painted_nowhere_is_predicted_as_that(
    painted: Session, phantom: Volume, tiny: Settings, drive: MakeDrive
) -> None:
    """As in a next case: what is predicted there is painted in the others only."""
    others = [OtherCase(phantom, painted.annotation.everything())]
    session = Session(phantom, settings=tiny, others=others)
    session.train()
    go = drive(session)
    go(lambda: session.up_to_date)
    assert (session.prediction == 3).any()
    assert merge(session, 3, 4) is None
    go(lambda: session.status.edits == session.orders.given and session.status.complete)
    assert set(np.unique(session.prediction)) == {1, 2, 4}


def test_blocks_that_were_under_way_do_not_bring_it_back(painted: Session) -> None:
    merge(painted, 3, 2)
    threes = np.full((24, 28, 32), 3, np.uint8)
    painted.take(Block(Box((0, 0, 0), threes.shape), threes, threes))
    assert not (painted.prediction == 3).any()
    assert extent(painted, 2).predicted > 0


@pytest.mark.parametrize("into", [2, 0])
def test_what_is_accepted_before_it_is_redrawn_does_not_bring_it_back(
    painted: Session, into: int
) -> None:
    threes = np.full((24, 28, 32), 3, np.uint8)
    painted.take(Block(Box((0, 0, 0), threes.shape), threes, threes))
    free = painted.annotation.on(Plane(0, 2)) == 0
    edit = merge(painted, 3, into) if into else delete(painted, 3)
    assert edit is not None
    accept(painted, Plane(0, 2))
    assert 3 not in painted.annotation.classes
    assert (painted.annotation.on(Plane(0, 2))[free] == into).all()
    assert painted.orders.folded == {3: into}


def test_what_changed_since_it_was_found_is_not_redrawn(painted: Session) -> None:
    threes = np.full((24, 28, 32), 3, np.uint8)
    painted.take(Block(Box((0, 0, 0), threes.shape), threes, threes))
    merge(painted, 3, 2)
    found = list(redrawn(painted, 3))
    free = np.flatnonzero(painted.annotation.labels == 0)
    painted.paint(free[:4], 1)
    for draw in found[:2]:
        draw()
    assert (painted.prediction.reshape(-1)[free[:4]] == 1).all()
    assert (painted.prediction == 2).any()
    painted.undo()
    painted.undo()  # of the merge: the class is there again
    left = (painted.prediction == 3).sum()
    for draw in found[2:]:
        draw()
    assert (painted.prediction == 3).sum() == left > 0


def test_a_project_keeps_what_became_of_a_class(
    phantom: Volume, tiny: Settings, truth: NDArray[np.uint8], tmp_path: Path
) -> None:
    def open_session() -> Session:
        project = ProjectFolder(tmp_path / "a.densify", describe(phantom, None, "x"))
        return Session(phantom, settings=tiny, project=project)

    session = open_session()
    paint(session, PLANES[0], truth)
    threes = np.full((24, 28, 32), 3, np.uint8)
    session.take(Block(Box((0, 0, 0), threes.shape), threes, threes))
    merge(session, 3, 2)
    session.close()  # before what is shown was redrawn
    again = open_session()
    assert again.orders.folded == {3: 2}
    assert (again.prediction == 2).any()
    assert not (again.prediction == 3).any()
    again.paint(np.arange(4), 3)
    assert again.orders.folded == {}, "it is told apart again"
    again.close()
    assert open_session().orders.folded == {}


def test_locked_voxels_are_spared_but_undo_is_not_held_up(painted: Session) -> None:
    session = painted
    twos = np.flatnonzero(session.annotation.labels == 2)
    free = np.flatnonzero(session.annotation.labels == 0)[:5]
    session.paint(twos[:3], 3)
    session.locked = frozenset({2})
    assert session.paint(twos[3:], 1) is None
    edit = session.paint(np.concatenate([twos[3:], free]), 1)
    assert edit is not None
    np.testing.assert_array_equal(edit.where, free)
    session.undo()
    session.undo()
    assert (session.annotation.at(twos)["label"] == 2).all()


@given(
    seed=st.integers(0, 99),
    folded=st.dictionaries(st.sampled_from([2, 3, 5]), st.sampled_from([0, 1, 4]), max_size=3),
)
def test_what_is_folded_goes_where_it_should(seed: int, folded: dict[int, int]) -> None:
    classes = [1, 2, 3, 4]
    drawn = np.random.default_rng(seed).dirichlet(np.ones(4), (2, 3, 2)).astype(np.float32)
    before = np.moveaxis(drawn, -1, 0)
    after = fold(before.copy(), classes, folded)
    np.testing.assert_allclose(after.sum(axis=0), 1, rtol=1e-5)
    for label in folded.keys() & set(classes):
        assert not after[classes.index(label)].any()
    if folded == {3: 4}:
        np.testing.assert_allclose(after[3], before[2] + before[3], rtol=1e-5)


def test_what_is_brought_up_to_merged_classes_keeps_round_and_weight(
    painted: Session, tmp_path: Path, phantom: Volume, tiny: Settings
) -> None:
    project = ProjectFolder(tmp_path / "a.densify", describe(phantom, None))
    project.commit(painted.annotation.everything())
    table = tuple(Label(label=k, name=str(k)) for k in (1, 2))
    learning = project.description.learning.model_copy(update={"folded": {3: 2}})
    project.describe(classes=table, learning=learning)
    project.close()
    before = painted.annotation.marks
    session = Session(phantom, settings=tiny, project=ProjectFolder(tmp_path / "a.densify"))
    before["label"][before["label"] == 3] = 2
    np.testing.assert_array_equal(session.annotation.marks, before)
    assert session.annotation.round == 0
    session.close()
