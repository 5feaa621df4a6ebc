"""What can be done to a slice as a whole: one edit each, undoable like a stroke."""

from __future__ import annotations

import numpy as np

from napari_densify.cases.annotation import Annotation, Edit
from napari_densify.cases.plane import Plane
from napari_densify.session.session import Session

ENOUGH = 0.5
"""A slice counts as annotated if it holds this share of what the fullest one of its orientation
holds: every slice holds a few voxels of those painted across it."""


def complete(session: Session, plane: Plane) -> Edit | None:
    """Make background of what is not painted on a slice; None if all of it is.

    Raises
    ------
    Problem
        If the edit cannot be kept, as with all of these.
    """
    free = session.annotation.on(plane) == 0
    return session.paint(plane.voxels(free, session.volume.shape), 1)


def accept(session: Session, plane: Plane) -> Edit | None:
    """Annotate a slice as it was predicted; what was painted on it stays as it is.

    None if all of it is annotated, or nothing was predicted there yet.
    """
    predicted = plane.take(session.prediction)
    where = plane.voxels(predicted > 0, session.volume.shape)
    return session.commit(session.annotation.accept(where, predicted[predicted > 0]))


def clear(session: Session, plane: Plane) -> Edit | None:
    """Erase all that is painted on a slice; None if nothing is."""
    painted = session.annotation.on(plane) > 0
    return session.paint(plane.voxels(painted, session.volume.shape), 0)


def copy(session: Session, plane: Plane) -> Edit | None:
    """Paint a slice like the nearest annotated one of its orientation, where it is not painted.

    None if there is no such slice, or nothing of it is missing here.
    """
    position = neighbour(session.annotation, plane)
    if position is None:
        return None
    there = session.annotation.on(Plane(plane.axis, position))
    here = session.annotation.on(plane)
    missing = (there > 0) & (here == 0)
    return session.paint(plane.voxels(missing, session.volume.shape), there[missing])


def neighbour(annotation: Annotation, plane: Plane) -> int | None:
    """Position of the nearest annotated slice of the same orientation; None without one."""
    zyx = np.unravel_index(annotation.everything().where, annotation.shape)
    painted = np.bincount(zyx[plane.axis], minlength=annotation.shape[plane.axis])
    painted[plane.position] = 0
    annotated = np.flatnonzero((painted > 0) & (painted >= ENOUGH * painted.max()))
    if not annotated.size:
        return None
    return int(annotated[np.abs(annotated - plane.position).argmin()])
