"""How a session learns: by itself or at a press, how strongly from corrections, and all anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_densify.cases.box import Box
from napari_densify.cases.problem import Problem

if TYPE_CHECKING:
    from napari_densify.session.session import Session

ONCE = 10.0
"""Seconds of learning when it is asked to learn once."""


def train_once(session: Session, seconds: float = ONCE) -> None:
    """Learn for that long from all that is painted, predict everything, and rest."""
    session.train()
    session.orders.rest_after(seconds)


def set_live(session: Session, live: bool) -> None:
    """Learn by itself from now on, or only at a press; the project keeps which."""
    session.orders.live = live
    keep(session)
    session.train(live)


def set_strength(session: Session, strength: float) -> None:
    """Change the strength of corrections, see `cases.weight`."""
    session.orders.strengthen(strength)
    keep(session)


def forget(session: Session) -> None:
    """Forget what was learned; the annotation stays."""
    everywhere = Box((0, 0, 0), session.volume.shape)
    session.shown.forget()
    session.up_to_date = session.round_over = False
    with session.drive.lock:
        session.keeping.changed(everywhere)
        # First: what the loop's thread is about to write is from before then, and goes too.
        session.orders.forget()
        for notice in session.keeping.forget():
            session.noticed.emit(notice.sentence)
    session.train(session.training and session.live)  # what was asked for once is done with
    session.prediction_changed.emit(everywhere)


def keep(session: Session) -> None:
    """Write down in the project how it learns; what cannot be written is said."""
    if session.project is not None and not session.read_only:
        try:
            session.project.describe(learning=session.orders.learning)
        except Problem as problem:
            session.noticed.emit(str(problem))
