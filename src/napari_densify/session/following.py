"""Brings the annotation to a state that is given: a layer's labels, or an earlier one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box
from napari_densify.cases.comparison import echoes
from napari_densify.cases.edit import Edit
from napari_densify.session.session import Session


def follow(session: Session, labels: NDArray[np.uint8], box: Box) -> list[Edit]:
    """Bring the annotation to the state of somebody else's labels.

    Parameters
    ----------
    session : Session
    labels : (z, y, x) uint8
        The whole volume, for instance a napari layer's data.
    box : Box
        Where it may have changed.

    Returns
    -------
    list of Edit
        What was taken as undo or redo, then what was painted.

    Raises
    ------
    Problem
        If an edit cannot be kept in the project; it does not count then.
    """
    edits: list[Edit] = []
    while steps := echoes(session.annotation, labels):
        for step in steps:
            session.commit(step)
        edits += steps
    part = labels[box.slices]
    local = np.argwhere(part != session.annotation.read(box)["label"])
    where = np.ravel_multi_index(tuple((local + box.start).T), session.annotation.shape)
    painted = session.paint(where, part[tuple(local.T)])
    return [*edits, painted] if painted else edits


def restore(session: Session, then: Annotation) -> tuple[Edit | None, int]:
    """Bring an earlier state of the annotation back, as one edit that can be undone.

    Returns
    -------
    Edit or None
        None if that changes nothing.
    int
        Voxels that stayed as they are, for their class is locked.

    Raises
    ------
    Problem
        If the edit cannot be kept in the project; it does not count then.
    """
    earlier = then.everything()
    edit = session.annotation.turn_into(earlier.where, earlier.after)
    if edit is None:
        return None, 0
    free = ~np.isin(edit.before["label"], list(session.locked))
    kept = int(free.size - np.count_nonzero(free))
    if kept:
        edit = replace(
            edit, where=edit.where[free], before=edit.before[free], after=edit.after[free]
        )
    return session.commit(edit if free.any() else None), kept
