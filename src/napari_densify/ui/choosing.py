"""Which image is worked on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox
from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_densify.ui.actions import tip
from napari_densify.ui.inputs import InputPicker
from napari_densify.ui.picked import Picked

if TYPE_CHECKING:
    import napari.viewer


class ImageChoice(QWidget):
    """The viewer's images to choose from, what of the image goes in, and the button to begin.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    requested = Signal()

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.image = ComboBox(choices=self._images, nullable=False)
        self.annotate = QPushButton("Annotate")
        self.annotate.setToolTip(tip("annotate"))
        self.annotate.clicked.connect(lambda: self.requested.emit())
        self.inputs = InputPicker(viewer)
        row = QHBoxLayout()
        row.addWidget(self.image.native, 1)
        row.addWidget(self.annotate)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.inputs)
        self.image.changed.connect(self.inputs.setLayer)
        layers = viewer.layers.events
        for event in (layers.inserted, layers.removed, layers.reordered):
            event.connect(self._refresh)
        for layer in viewer.layers:
            layer.events.name.connect(self._refresh)
        layers.inserted.connect(self._follow_name)
        self._refresh()

    def picked(self) -> Picked:
        """What goes in.

        Raises
        ------
        Problem
            See `InputPicker.value`.
        """
        return self.inputs.value()

    def value(self) -> Image | None:
        """The chosen layer."""
        return self.image.value

    def setValue(self, layer: Image) -> None:
        """Choose a layer of the viewer."""
        self._refresh()
        self.image.value = layer

    def _images(self, _: Any = None) -> list[tuple[str, Image]]:
        return [(layer.name, layer) for layer in self.viewer.layers if isinstance(layer, Image)]

    def _refresh(self, event: Any = None) -> None:
        self.image.reset_choices()
        self.inputs.setLayer(self.image.value)

    def _follow_name(self, event: Any) -> None:
        event.value.events.name.connect(self._refresh)
