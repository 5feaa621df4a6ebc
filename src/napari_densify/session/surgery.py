"""What can be done to a class as a whole: one edit each, undoable like a stroke."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_densify.cases.edit import Edit
from napari_densify.session.session import Session


@dataclass(frozen=True)
class Extent:
    """How many voxels of a class are painted, and how many more are predicted."""

    painted: int
    predicted: int


def extent(session: Session, label: int) -> Extent:
    """What there is of a class."""
    painted = int(session.annotation.counts[label].sum())
    shown = int(np.count_nonzero(session.prediction == label))
    return Extent(painted, max(shown - painted, 0))


def merge(session: Session, label: int, into: int) -> Edit | None:
    """Make one class of two: what is painted, predicted and learned of the first is the second's.

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
    session.fold(label, into)
    return edit


def delete(session: Session, label: int) -> Edit | None:
    """Erase what is painted of a class, and predict it no more; otherwise as `merge`."""
    edit = session.commit(session.annotation.relabel(label, 0))
    session.fold(label)
    return edit
