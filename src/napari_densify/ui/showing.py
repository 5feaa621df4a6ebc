"""What else can be shown over the image, as layers of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QWidget

from napari_densify.ui.shortcuts import tip

if TYPE_CHECKING:
    from napari_densify.ui.case import CaseView


class ShowBar(QWidget):
    """A box to check for each of them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._case: CaseView | None = None
        self.weights = QCheckBox("Show weights")
        self.weights.setToolTip(tip("weights"))
        self.weights.toggled.connect(self._show_weights)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.weights)
        self.follow(None)

    def follow(self, case: CaseView | None) -> None:
        """Show what a running case has from now on; None: of none."""
        self._case = case
        self.setEnabled(case is not None)
        if case is None:
            self.weights.setChecked(False)

    def _show_weights(self, on: bool) -> None:
        if self._case is not None:
            self._case.weights.show(on)
