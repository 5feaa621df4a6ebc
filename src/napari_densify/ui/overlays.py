"""Layers over the image that are shown on request: weights, uncertainty, provenance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Layer
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_densify.ui.actions import tip
from napari_densify.ui.layers import Copies, PredictionBond, is_ours, layer_like, sign
from napari_densify.ui.picked import ROLE

if TYPE_CHECKING:
    from napari_densify.ui.case import CaseView


class Overlay(QObject):
    """A layer that comes into the viewer when it is first shown.

    Parameters
    ----------
    case : CaseView
        Over whose image it lies.
    layer : Layer
        Not in the viewer yet.
    """

    toggled = Signal(bool)

    def __init__(self, case: CaseView, layer: Layer) -> None:
        super().__init__(case)
        self.viewer, self.session, self.layer = case.viewer, case.session, layer
        self.copies = Copies(layer, self)
        sign(layer)
        layer.visible = False
        layer.events.visible.connect(self._say)
        self.viewer.layers.events.removed.connect(self._removed)

    @property
    def shown(self) -> bool:
        """Whether it can be seen."""
        return self.layer.visible

    def show(self, on: bool) -> None:
        """Show it as it is now, or hide it; what is painted on stays what it was."""
        if on and self.layer not in self.viewer.layers:
            active = self.viewer.layers.selection.active
            for other in [each for each in self.viewer.layers if self._is_of_earlier(each)]:
                self.viewer.layers.remove(other)
            self.viewer.layers.append(self.layer)
            self.viewer.layers.selection.active = active
        self.layer.visible = on

    def close(self) -> None:
        """Let go of the viewer; the layer stays."""
        self.layer.events.visible.disconnect(self._say)
        self.viewer.layers.events.removed.disconnect(self._removed)

    def _is_of_earlier(self, layer: Layer) -> bool:
        """Whether an earlier session on this image left that layer behind."""
        return layer is not self.layer and is_ours(layer, self.layer.metadata[ROLE])

    def _say(self, event: Any = None) -> None:
        self.toggled.emit(self.shown)

    def _removed(self, event: Any) -> None:
        if event.value is self.layer:
            self.layer.visible = False


class UncertaintyLayer(Overlay):
    """How little sure the prediction is: bright where all classes are equally probable.

    Parameters
    ----------
    case : CaseView
    """

    def __init__(self, case: CaseView) -> None:
        layer = Image(
            case.session.uncertainty,
            colormap="inferno",
            blending="additive",
            contrast_limits=(0, 255),
            **layer_like(case.image, case.session.volume.choice, "uncertainty"),
        )
        super().__init__(case, layer)
        self._bond = PredictionBond(self.copies, self.session, self)

    def close(self) -> None:
        """Let go of session and viewer; the layer stays."""
        super().close()
        self._bond.close()


class OverlayBoxes(QWidget):
    """A box to tick for each overlay of a running case."""

    shown = Signal()
    """An overlay was shown or hidden."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.case: CaseView | None = None
        self.weights = _box("weights")
        self.uncertainty = _box("uncertainty")
        self.provenance = _box("provenance")
        self.legend = QLabel()
        self.legend.setWordWrap(True)
        row = QHBoxLayout()
        row.addWidget(QLabel("show"))
        for name, box in self._boxes():
            box.toggled.connect(lambda on, n=name: self._show(n, on))
            row.addWidget(box)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.legend)
        self.follow(None)

    def follow(self, case: CaseView | None) -> None:
        """Show the overlays of a running case from now on; None: of none."""
        for name, box in self._boxes():
            if self.case is not None:
                getattr(self.case, name).toggled.disconnect(box.setChecked)
            if case is not None:
                getattr(case, name).toggled.connect(box.setChecked)
        if self.case is not None:
            self.case.session.edited.disconnect(self._write_legend)
        self.case = case
        self.setEnabled(case is not None)
        if case is not None:
            case.session.edited.connect(self._write_legend)
            for name, box in self._boxes():
                self._show(name, box.isChecked())
        self._write_legend()

    def _boxes(self) -> list[tuple[str, QCheckBox]]:
        names = ("weights", "uncertainty", "provenance")
        return [(name, getattr(self, name)) for name in names]

    def _show(self, name: str, on: bool) -> None:
        if self.case is not None:
            getattr(self.case, name).show(on)
        self._write_legend()
        self.shown.emit()

    def _write_legend(self, _: Any = None) -> None:
        case = self.case if self.provenance.isChecked() else None
        self.legend.setVisible(case is not None)
        self.legend.setText(case.provenance.legend() if case is not None else "")


def _box(name: str) -> QCheckBox:
    box = QCheckBox(name)
    box.setToolTip(tip(name))
    return box
