"""What can be done to a slice as a whole: one edit each, undoable like a stroke."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.digital_plane import DigitalPlane
from napari_densify.cases.edit import Edit
from napari_densify.cases.plane import Plane
from napari_densify.session.folding import as_now
from napari_densify.session.session import Session

ENOUGH = 0.5
"""A slice counts as annotated if it holds this share of what the fullest one of its orientation
holds: every slice holds a few voxels of those painted across it."""

Slice = Plane | DigitalPlane
"""Of one of the three orientations, or at any angle."""


def complete(session: Session, plane: Slice) -> Edit | None:
    """Make background of what is not painted on a slice; None if all of it is.

    Raises
    ------
    Problem
        If the edit cannot be kept, as with all of these.
    """
    where = _voxels(session, plane)
    return session.paint(where[session.annotation.at(where)["label"] == 0], 1)


def accept(session: Session, plane: Slice) -> Edit | None:
    """Annotate a slice as it was predicted; what was painted on it stays as it is.

    None if all of it is annotated, or nothing was predicted there yet.
    """
    where = _voxels(session, plane)
    shown = session.prediction.reshape(-1)[where]
    predicted = as_now(shown, session.orders.folded)  # it may not be redrawn yet
    accepted = session.annotation.accept(where[predicted > 0], predicted[predicted > 0])
    return session.commit(accepted)


def clear(session: Session, plane: Slice) -> Edit | None:
    """Erase all that is painted on a slice; None if nothing is."""
    where = _voxels(session, plane)
    return session.paint(where[session.annotation.at(where)["label"] > 0], 0)


def copy(session: Session, plane: Slice) -> Edit | None:
    """Paint a slice like the nearest annotated one of its orientation, where it is not painted.

    None if there is no such slice, as for one at an angle, or nothing of it is missing here.
    """
    if isinstance(plane, DigitalPlane):
        return None
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


def _voxels(session: Session, plane: Slice) -> NDArray[np.int64]:
    """Flat indices of all voxels of a slice."""
    if isinstance(plane, DigitalPlane):
        return plane.voxels(np.ones(plane.size, bool))
    height, width = (n for axis, n in enumerate(session.volume.shape) if axis != plane.axis)
    return plane.voxels(np.ones((height, width), bool), session.volume.shape)
