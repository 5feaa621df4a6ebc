"""Buttons and keys for what can be done to the slice that is looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_densify.cases.annotation import Edit
from napari_densify.cases.plane import Plane
from napari_densify.session import slices
from napari_densify.session.session import Session


@dataclass(frozen=True)
class SliceAction:
    """Something that can be done to a slice.

    Attributes
    ----------
    title, key, tip : str
    nothing : str
        What to say when it changes nothing.
    act : callable
        Makes the edit.
    """

    title: str
    key: str
    tip: str
    nothing: str
    act: Callable[[Session, Plane], Edit | None]


ACTIONS = (
    SliceAction(
        "Complete",
        "Q",
        "This slice is complete: what is not painted on it is background",
        "All of this slice is painted already.",
        slices.complete,
    ),
    SliceAction(
        "Accept",
        "A",
        "This slice is right as predicted, all but what you painted on it: that stays as it is",
        "There is nothing to accept here: all is painted, or nothing is predicted yet.",
        slices.accept,
    ),
    SliceAction(
        "Copy",
        "C",
        "Paint like the nearest annotated slice where nothing is painted yet",
        "There is no annotated slice of this orientation to copy from.",
        slices.copy,
    ),
    SliceAction(
        "Clear",
        "D",
        "Erase all that is painted on this slice",
        "Nothing is painted on this slice.",
        slices.clear,
    ),
)


class SliceButtons(QWidget):
    """A button for each action on the present slice."""

    requested = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.buttons: dict[str, QPushButton] = {}
        for action in ACTIONS:
            button = QPushButton(action.title)
            button.setToolTip(f"{action.tip} (key {action.key})")
            button.clicked.connect(lambda _=False, a=action: self.requested.emit(a))
            self.buttons[action.title] = button
            layout.addWidget(button)
