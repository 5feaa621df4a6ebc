"""Which image is worked on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox
from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_densify.ui.shortcuts import tip

if TYPE_CHECKING:
    import napari.viewer


class ImageChoice(QWidget):
    """The viewer's images to choose from, and the button to begin.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    requested = Signal(object)

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.image = ComboBox(choices=self._images, nullable=False)
        self.annotate = QPushButton("Annotate")
        self.annotate.setToolTip(tip("annotate"))
        self.annotate.clicked.connect(lambda: self.requested.emit(self.value()))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.image.native, 1)
        layout.addWidget(self.annotate)
        layers = viewer.layers.events
        for event in (layers.inserted, layers.removed, layers.reordered):
            event.connect(self._refresh)
        for layer in viewer.layers:
            layer.events.name.connect(self._refresh)
        layers.inserted.connect(self._follow_name)

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

    def _follow_name(self, event: Any) -> None:
        event.value.events.name.connect(self._refresh)
