"""Buttons for which way the volume is looked at: orthogonal views, the oblique plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget

from napari_densify.cases.plane import ORIENTATIONS
from napari_densify.ui.actions import tip
from napari_densify.ui.planes import orientation_of
from napari_densify.ui.side_by_side import hide_side_by_side
from napari_densify.ui.view import turn

if TYPE_CHECKING:
    import napari

    from napari_densify.ui.case import CaseView


class PlaneButtons(QWidget):
    """Buttons xy, xz, yz, and one each for an oblique plane and all three side by side.

    Parameters
    ----------
    viewer : napari.Viewer
        Turned by them, and followed where it is turned otherwise.
    """

    valueChanged = Signal(str)

    def __init__(self, viewer: napari.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._case: CaseView | None = None
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QPushButton] = {}
        for name in ORIENTATIONS:
            button = QPushButton(name)
            button.setCheckable(True)
            button.setToolTip(tip(name))
            button.clicked.connect(lambda _=False, n=name: self.valueChanged.emit(n))
            self._group.addButton(button)
            self._buttons[name] = button
            layout.addWidget(button)
        self.oblique = QPushButton("oblique")
        self.oblique.setCheckable(True)
        self.oblique.setToolTip(tip("oblique"))
        self.oblique.toggled.connect(self._show_oblique)
        layout.addWidget(self.oblique)
        self.orthogonal = QPushButton("side by side")
        self.orthogonal.setCheckable(True)
        self.orthogonal.setToolTip(tip("orthogonal"))
        self.orthogonal.toggled.connect(self._show_orthogonal)
        layout.addWidget(self.orthogonal)
        self._buttons["xy"].setChecked(True)
        self.valueChanged.connect(self._turn)
        viewer.dims.events.order.connect(self._mark)
        self.follow(None)

    def follow(self, case: CaseView | None) -> None:
        """Open further views of a running case from now on; None: of none."""
        if self._case is not None:
            self._case.obliqueToggled.disconnect(self.oblique.setChecked)
        self._case = case
        self._enable()
        if case is not None:
            self._mark()
            case.obliqueToggled.connect(self.oblique.setChecked)
            if self.orthogonal.isChecked():
                # Canvases older than its layers have copies of them that we do not draw.
                case.show_orthogonal(False)
                case.show_orthogonal(True)

    def value(self) -> str:
        """`xy`, `xz` or `yz`."""
        return next(name for name, button in self._buttons.items() if button.isChecked())

    def setValue(self, orientation: str) -> None:
        """Check a button, turn the viewer and say so."""
        self._buttons[orientation].setChecked(True)
        self.valueChanged.emit(orientation)

    def _turn(self, orientation: str) -> None:
        turn(self._viewer, orientation, self._case.annotation if self._case is not None else None)

    def _mark(self, event: Any = None) -> None:
        """Check the button of what is shown."""
        if self._viewer.dims.ndim >= 3:
            self._buttons[orientation_of(self._viewer)].setChecked(True)

    def _show_oblique(self, on: bool) -> None:
        if self._case is not None:
            self._case.show_oblique(on)

    def _show_orthogonal(self, on: bool) -> None:
        if self._case is not None:
            self._case.show_orthogonal(on)
        elif not on:
            hide_side_by_side(self._viewer)
        self._enable()

    def _enable(self) -> None:
        """Without a case there is nothing to open, but what is open can be closed."""
        self.oblique.setEnabled(self._case is not None)
        self.orthogonal.setEnabled(self._case is not None or self.orthogonal.isChecked())
