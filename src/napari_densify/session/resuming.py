"""Lets a session go on from what its project holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_densify.cases.checked import read_checked
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.problem import Problem
from napari_densify.session.surgery import redrawn

if TYPE_CHECKING:
    from napari_densify.session.session import Session


def resume(session: Session, project: ProjectFolder) -> None:
    """Bring back what was predicted, learned and checked; its annotation is the session's already.

    Raises
    ------
    Problem
        If classes were merged meanwhile, and what is painted of them cannot be repainted.
    """
    learned = project.learned
    session.shown.resume(learned)
    session.orders.resume(project.description.learning, project.voxels, learned.read_model())
    if project.writable:
        _bring_up_to_classes(session, project)
    for label in session.orders.folded:  # it was perhaps closed before all was redrawn
        for draw in redrawn(session, label):
            draw()
    session.past = learned.read_history()
    try:
        session.checked = read_checked(project.path, session.volume.shape)
    except Problem as problem:
        project.notes.append(str(problem))
    edits = [entry.edits for entry in session.past if entry.event == "shown"]
    session.up_to_date = session.round_over = bool(edits) and edits[-1] == project.number > 0


def _bring_up_to_classes(session: Session, project: ProjectFolder) -> None:
    """Repaint what was merged or deleted while another case of the project was open."""
    became = project.description.became
    for label in set(session.annotation.classes) & became.keys():
        session.commit(session.annotation.relabel(label, became[label]))
        # As what is there now: what it became first may have been merged since, too.
        session.orders.folded[label] = became[label]
