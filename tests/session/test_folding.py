"""Merged and deleted classes that come back by undo and go again by redo."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from napari_densify.cases.volume import Volume
from napari_densify.session import learning
from napari_densify.session.link import Settings
from napari_densify.session.news import OtherCase
from napari_densify.session.session import Session
from napari_densify.session.surgery import delete, merge
from tests.session.conftest import Drive, block

MakeDrive = Callable[[Session], Drive]


@pytest.mark.parametrize("into", [2, 0])
def test_what_was_merged_is_merged_again_by_redo(painted: Session, into: int) -> None:
    session = painted
    session.class_gone.connect((again := []).append)
    _ = merge(session, 3, into) if into else delete(session, 3)
    for _ in range(2):
        session.undo()
        assert session.orders.folded == {}
        given = session.orders.given
        session.redo()
        assert session.orders.folded == {3: into}
        assert session.orders.given == given + 2, "the worker is told, too"
        session.take(block(3))
        assert not (session.prediction == 3).any()
    assert again == [3, 3]
    session.undo()
    assert session.redo() is not None
    session.undo()
    session.undo()
    session.redo()
    assert session.orders.folded == {}, "only the merging does so, not any redo"


def test_what_is_painted_over_by_hand_is_no_merging_when_it_is_redone(painted: Session) -> None:
    session = painted
    session.paint(np.flatnonzero(session.annotation.labels == 3), 2)
    assert 3 not in session.annotation.classes
    session.undo()
    session.redo()
    assert session.orders.folded == {}


@pytest.mark.usefixtures("impatient")
def test_other_cases_tell_apart_again_what_undo_brings_back(
    painted: Session, phantom: Volume, tiny: Settings, drive: MakeDrive
) -> None:
    everything = painted.annotation.everything()
    session = Session(phantom, settings=tiny, others=[OtherCase(phantom, everything)])
    session.commit(everything)
    session.train()
    go = drive(session)
    go(lambda: session.status.steps > 0)

    def elsewhere() -> list[int]:
        """Classes that the worker knows of the other case."""
        go(lambda: session.status.edits == session.orders.given)
        learner = session.drive.link._learner  # type: ignore[union-attr]
        (other,) = learner.cases.others
        return list(other.painted.classes)

    merge(session, 3, 2)
    learning.forget(session)
    assert elsewhere() == [1, 2]
    session.undo()
    assert elsewhere() == [1, 2, 3]
    session.redo()
    assert elsewhere() == [1, 2]
