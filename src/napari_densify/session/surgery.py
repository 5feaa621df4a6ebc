"""What can be done to a class as a whole: one edit each, undoable like a stroke."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.box import Box
from napari_densify.cases.edit import Edit
from napari_densify.session.learning import keep

if TYPE_CHECKING:
    from napari_densify.session.session import Session


@dataclass(frozen=True)
class Extent:
    """How many voxels of a class are painted, and how many more are predicted."""

    painted: int
    predicted: int


def extent(session: Session, label: int) -> Extent:
    """What there is of a class; searches the whole prediction, so ask in a thread."""
    painted = int(session.annotation.counts[label].sum())
    shown = sum(where.size for _, where in session.shown.voxels(label))
    return Extent(painted, max(shown - painted, 0))


def merge(session: Session, label: int, into: int) -> Edit | None:
    """Make one class of two: what is painted and learned of the first is the second's.

    What is predicted of it is shown so by `redrawn`.

    Returns
    -------
    Edit or None
        What changed in the annotation; taking it back tells the two apart again.

    Raises
    ------
    Problem
        If the edit cannot be kept; nothing has changed then.
    """
    edit = session.commit(session.annotation.relabel(label, into))
    _fold(session, label, into)
    return edit


def delete(session: Session, label: int) -> Edit | None:
    """Erase what is painted of a class, and predict it no more; otherwise as `merge`."""
    edit = session.commit(session.annotation.relabel(label, 0))
    _fold(session, label, 0)
    return edit


def redrawn(session: Session, label: int) -> Iterator[Callable[[], None]]:
    """Find what is still shown of a class that was merged or deleted, piece by piece.

    Searching takes long, so do it in a thread.

    Yields
    ------
    callable
        Brings one piece up to date; to be called on the session's thread.
    """
    for box, where in session.shown.voxels(label):
        yield partial(_redraw, session, box, where, label)


def _fold(session: Session, label: int, into: int) -> None:
    """No longer tell a class apart; once it is annotated again, it is told apart again."""
    session.orders.fold(label, into)
    session.disagreements.fold(label, into)
    keep(session)


def _redraw(session: Session, box: Box, where: NDArray[np.int64], label: int) -> None:
    """Show voxels of a folded class as what it counts as now."""
    folded = session.orders.folded
    if label in folded:
        session.shown.fold(where, label, folded[label])
        session.keeping.changed(box)
        session.prediction_changed.emit(box)
