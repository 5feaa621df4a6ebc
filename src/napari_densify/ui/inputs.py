"""Which channels and which frame of an image go in; hidden where there is nothing to choose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QListWidget, QListWidgetItem, QWidget

from napari_densify.cases.choice import Axes, Choice
from napari_densify.cases.problem import Problem
from napari_densify.ui.picked import (
    COLOURS,
    Picked,
    alike,
    array_of,
    check_layer,
    possible_axes,
    shown_frame,
)

if TYPE_CHECKING:
    import napari.viewer

ROWS = 4
"""Channels that are seen without scrolling."""
AXIS_NAMES = {"t": "time", "c": "channels"}


class InputPicker(QWidget):
    """Asks for what an image leaves open: what its further axes are, and which channels go in.

    The frame of a time series is the one that the viewer shows.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self._layer: Image | None = None
        self._offered_of: tuple[Image | None, str] = (None, "")
        self._offered: list[Any] = []
        self.axes = QComboBox()
        self.axes.setToolTip("What the axes before z, y and x of this image are")
        self.axes.currentIndexChanged.connect(self._offer_channels)
        self.channels = QListWidget()
        self.channels.setToolTip("What the network sees of each voxel")
        self.frame = QLabel()
        self.frame.setToolTip("Each frame is a case of its own; move the slider to choose another")
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.addRow("axes before z", self.axes)
        self._form.addRow("channels", self.channels)
        self._form.addRow("frame", self.frame)
        viewer.dims.events.current_step.connect(self._say_frame)
        self.setLayer(None)

    def value(self) -> Picked:
        """What is chosen.

        Raises
        ------
        Problem
            If the image is none that can be segmented, or no channel is chosen.
        """
        layer = check_layer(self._layer)
        checked = [i for i in range(self.channels.count()) if self._is_checked(i)]
        if not checked:
            raise Problem(f"No channel of “{layer.name}” is chosen; check at least one.")
        axes = self._axes()
        frame = shown_frame(axes, layer, self.viewer.dims.point)
        if "c" in axes:
            whole = len(checked) == self.channels.count()
            return Picked((layer,), Choice(axes, () if whole else tuple(checked), frame))
        layers = tuple(self._offered[i] for i in checked)
        return Picked(layers, Choice(axes, (), frame))

    def setValue(self, picked: Picked) -> None:
        """Show what goes in, as far as its layer offers it."""
        layer, choice = picked.layer, picked.choice
        self.setLayer(layer)
        row = self.axes.findData(choice.axes)
        if row < 0 or not choice.fits(array_of(layer).shape):
            return
        self.axes.setCurrentIndex(row)
        for i in range(self.channels.count()):
            if self._offered:
                wanted = any(self._offered[i] is each for each in picked.layers)
            else:
                wanted = not choice.channels or i in choice.channels
            self._check(i, wanted)

    def setLayer(self, layer: Image | None) -> None:
        """Offer what there is to choose of a layer."""
        possible = possible_axes(layer) if isinstance(layer, Image) else []
        same = layer is self._layer
        if same and possible == [self.axes.itemData(i) for i in range(self.axes.count())]:
            self._offer_channels()
            return
        self._layer = layer
        if not same:
            # What was chosen beside another image says nothing about this one.
            self._offered = []
            self.channels.clear()
        self.axes.blockSignals(True)
        self.axes.clear()
        for axes in possible:
            further = axes.replace("zyx", "")
            self.axes.addItem(", ".join(AXIS_NAMES[a] for a in further), axes)
        self.axes.blockSignals(False)
        self._offer_channels()

    def _axes(self) -> Axes:
        axes: Axes = self.axes.currentData() or "zyx"
        return axes

    def _offer_channels(self, _: int = 0) -> None:
        layer, axes = self._layer, self._axes()
        kept = {id(o) for i, o in enumerate(self._offered) if self._is_checked(i)}
        before = [self._is_checked(i) for i in range(self.channels.count())]
        before = before if self._offered_of == (layer, axes) else []
        self._offered_of = (layer, axes)
        self.channels.clear()
        if layer is None or not self.axes.count():
            self._offered = []
        elif "c" in axes:
            self._offered = []
            count = array_of(layer).shape[axes.index("c")]
            for i in range(count):
                colour = layer.rgb and i < len(COLOURS)
                wanted = before[i] if i < len(before) else not colour or i < 3
                self._add(COLOURS[i] if colour else f"channel {i}", wanted)
        else:
            self._offered = alike(layer, self.viewer.layers)
            for other in self._offered:
                self._add(other.name, other is layer or id(other) in kept)
        rows = min(max(self.channels.count(), 1), ROWS)
        height = self.channels.sizeHintForRow(0) * rows + 2 * self.channels.frameWidth()
        self.channels.setFixedHeight(max(height, 1))
        self._say_frame()
        shown = (self.axes.count() > 1, self.channels.count() > 1, "t" in axes)
        for row, visible in enumerate(shown):
            self._form.setRowVisible(row, visible)
        self.setVisible(any(shown))

    def _add(self, name: str, checked: bool) -> None:
        self.channels.addItem(QListWidgetItem(name))
        self._check(self.channels.count() - 1, checked)

    def _check(self, row: int, on: bool) -> None:
        state = Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
        self.channels.item(row).setCheckState(state)

    def _is_checked(self, row: int) -> bool:
        item = self.channels.item(row)
        return item is not None and item.checkState() == Qt.CheckState.Checked

    def _say_frame(self, event: Any = None) -> None:
        layer, axes = self._layer, self._axes()
        if layer is not None and "t" in axes and self.axes.count():
            frame = shown_frame(axes, layer, self.viewer.dims.point)
            last = array_of(layer).shape[axes.index("t")] - 1
            self.frame.setText(f"{frame} of 0 … {last}, as the viewer shows it")
