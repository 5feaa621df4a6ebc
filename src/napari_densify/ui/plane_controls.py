"""Where an oblique plane lies: two angles and an offset, three points, or the 3-D view."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFormLayout, QPushButton, QVBoxLayout, QWidget
from superqt import QLabeledDoubleSlider

from napari_densify.cases.oblique import ObliquePlane

WIDTH = 210
"""Enough for the sliders; the rest of the dock is the picture's."""


class PlaneControls(QWidget):
    """Sliders for the angles and the offset, and buttons for the other two ways."""

    valueChanged = Signal(object)
    pointsToggled = Signal(bool)
    cameraRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plane = ObliquePlane()
        self.tilt = _slider("Degrees about the x axis: from xy towards xz", 90)
        self.turn = _slider("Degrees about the y axis: from xy towards yz", 90)
        self.offset = _slider("Distance from the volume's middle along the plane's normal", 100)
        self.points = QPushButton("From three points")
        self.points.setCheckable(True)
        self.points.setToolTip("Click three points on slices in the main canvas")
        self.camera = QPushButton("From the 3-D view")
        self.camera.setToolTip("The plane that faces you in the 3-D view, through its centre")
        self.setFixedWidth(WIDTH)
        form = QFormLayout()
        form.addRow("tilt", self.tilt)
        form.addRow("turn", self.turn)
        form.addRow("offset", self.offset)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.points)
        layout.addWidget(self.camera)
        layout.addStretch()
        for slider in (self.tilt, self.turn, self.offset):
            slider.valueChanged.connect(self._slid)
        self.points.toggled.connect(self.pointsToggled)
        self.camera.clicked.connect(self.cameraRequested)

    def value(self) -> ObliquePlane:
        """The plane, as exactly as it was set."""
        return self._plane

    def setValue(self, plane: ObliquePlane) -> None:
        """Show a plane and say so."""
        with self._silent():
            self.tilt.setValue(plane.tilt)
            self.turn.setValue(plane.turn)
            self.offset.setValue(plane.offset)
        self._plane = plane
        self.valueChanged.emit(plane)

    def setReach(self, reach: float, step: float) -> None:
        """How far the offset goes either way, and how far one step takes it."""
        with self._silent():
            self.offset.setRange(-reach, reach)
            self.offset.setSingleStep(step)

    def _slid(self) -> None:
        self._plane = ObliquePlane(self.tilt.value(), self.turn.value(), self.offset.value())
        self.valueChanged.emit(self._plane)

    @contextmanager
    def _silent(self) -> Iterator[None]:
        sliders = (self.tilt, self.turn, self.offset)
        for slider in sliders:
            slider.blockSignals(True)
        yield
        for slider in sliders:
            slider.blockSignals(False)


def _slider(tip: str, reach: float) -> QLabeledDoubleSlider:
    slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
    slider.setRange(-reach, reach)
    slider.setDecimals(1)
    slider.setToolTip(tip)
    return slider
