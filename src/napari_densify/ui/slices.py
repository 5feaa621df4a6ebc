"""What can be done to the slice that is looked at: buttons, and what the window says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari.layers import Labels
from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_densify.cases.edit import Edit
from napari_densify.cases.problem import Problem
from napari_densify.session import slices
from napari_densify.session.session import Session
from napari_densify.session.slices import Slice
from napari_densify.ui.actions import tip

if TYPE_CHECKING:
    from napari_densify.ui.case import CaseView


@dataclass(frozen=True)
class SliceAction:
    """Something that can be done to a slice.

    Attributes
    ----------
    name : str
        In the table of actions.
    title : str
        On its button.
    nothing : str
        What to say when it changes nothing.
    act : callable
        Makes the edit.
    """

    name: str
    title: str
    nothing: str
    act: Callable[[Session, Slice], Edit | None]


ACTIONS = (
    SliceAction("complete", "Complete", "All of this slice is painted already.", slices.complete),
    SliceAction(
        "accept",
        "Accept",
        "There is nothing to accept here: all is painted, or nothing is predicted yet.",
        slices.accept,
    ),
    SliceAction(
        "copy",
        "Copy",
        "There is no annotated slice of this orientation to copy from.",
        slices.copy,
    ),
    SliceAction("clear", "Clear", "Nothing is painted on this slice.", slices.clear),
)


class SliceButtons(QWidget):
    """A button for each action on the present slice."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._case: CaseView | None = None
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.buttons: dict[str, QPushButton] = {}
        for action in ACTIONS:
            button = QPushButton(action.title)
            button.setToolTip(tip(action.name))
            button.clicked.connect(lambda _=False, name=action.name: self.act(name))
            self.buttons[action.title] = button
            layout.addWidget(button)
        self.follow(None)

    def follow(self, case: CaseView | None) -> None:
        """Act on the slices of a running case from now on; None: of none."""
        self._case = case
        self.setEnabled(case is not None and not case.session.read_only)

    def act(self, name: str, layer: Labels | None = None) -> None:
        """Act on the slice that a layer's canvas shows, by default the main one's.

        If it cannot be done the window says why.
        """
        action = next(each for each in ACTIONS if each.name == name)
        case = self._case
        if case is None:
            return
        try:
            plane = case.slice_in(layer)
        except Problem as problem:
            show_info(str(problem))
            return
        try:
            edit = action.act(case.session, plane)
        except Problem as problem:
            show_error(str(problem))
            return
        if edit is None:
            show_info(action.nothing)
        case.show_edit(edit)
