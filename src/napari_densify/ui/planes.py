"""Which way the volume is looked at: orientation buttons, orthogonal views, the oblique plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget

from napari_densify.cases.plane import ORIENTATIONS, Plane
from napari_densify.ui.shortcuts import tip
from napari_densify.ui.side_by_side import hide_side_by_side

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer

    from napari_densify.ui.case import CaseView


class PlaneButtons(QWidget):
    """Buttons xy, xz, yz, and one each for an oblique plane and all three side by side."""

    valueChanged = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._case: CaseView | None = None
        self._viewer: napari.Viewer | None = None
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
        self.setValue("xy")
        self.follow(None)

    def follow(self, case: CaseView | None) -> None:
        """Open further views of a running case from now on; None: of none."""
        if self._case is not None:
            self._case.obliqueToggled.disconnect(self.oblique.setChecked)
        self._case = case
        self._enable()
        if case is not None:
            self._viewer = case.viewer
            case.obliqueToggled.connect(self.oblique.setChecked)
            if self.orthogonal.isChecked():
                # Canvases older than its layers have copies of them that we do not draw.
                case.show_orthogonal(False)
                case.show_orthogonal(True)

    def value(self) -> str:
        """`xy`, `xz` or `yz`."""
        return next(name for name, button in self._buttons.items() if button.isChecked())

    def mark(self, orientation: str) -> None:
        """Check a button, of what is shown already."""
        self._buttons[orientation].setChecked(True)

    def setValue(self, orientation: str) -> None:
        """Check a button and say so."""
        self.mark(orientation)
        self.valueChanged.emit(orientation)

    def _show_oblique(self, on: bool) -> None:
        if self._case is not None:
            self._case.show_oblique(on)

    def _show_orthogonal(self, on: bool) -> None:
        if self._case is not None:
            self._case.show_orthogonal(on)
        elif self._viewer is not None and not on:
            hide_side_by_side(self._viewer)
        self._enable()

    def _enable(self) -> None:
        """Without a case there is nothing to open, but what is open can be closed."""
        self.oblique.setEnabled(self._case is not None)
        self.orthogonal.setEnabled(self._case is not None or self.orthogonal.isChecked())


def orientation_of(viewer: napari.Viewer) -> str:
    """The orientation of the slices that the main canvas shows, or would show."""
    lead = viewer.dims.ndim - 3
    axis = next(a for a in viewer.dims.order if a >= lead) - lead
    return next(name for name, normal in ORIENTATIONS.items() if normal == axis)


def set_orientation(viewer: napari.Viewer, orientation: str) -> None:
    """Show slices of that orientation of the last three dimensions."""
    axis = ORIENTATIONS[orientation]
    lead = viewer.dims.ndim - 3
    rest = [a for a in range(3) if a != axis]
    viewer.dims.ndisplay = 2
    viewer.dims.order = (*range(lead), lead + axis, *(lead + a for a in rest))


def viewed_plane(viewer: napari.Viewer, layer: Layer) -> Plane | None:
    """The plane of a 3-D layer that the main canvas shows; None in the 3-D view."""
    if viewer.dims.ndisplay != 2:
        return None
    lead = viewer.dims.ndim - layer.ndim
    hidden = [axis - lead for axis in viewer.dims.not_displayed if axis >= lead]
    if len(hidden) != 1:  # the axes are rolled, and one of time or of channels is displayed
        return None
    return _plane_at(layer, hidden[0], viewer.dims.point[-layer.ndim :])


def shown_plane(layer: Layer) -> Plane | None:
    """The plane of a 3-D layer that its own canvas shows; None in a 3-D view.

    Side by side each canvas has a copy of the layer.
    """
    hidden = layer._slice_input.not_displayed
    if len(hidden) != 1:
        return None
    return _plane_at(layer, hidden[0], layer._slice_input.world_slice.point)


def _plane_at(layer: Layer, axis: int, world: Sequence[float]) -> Plane:
    position = round(float(layer.world_to_data(world)[axis]))
    return Plane(axis, min(max(position, 0), layer.data.shape[axis] - 1))
