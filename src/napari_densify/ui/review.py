"""Places worth a look: where network and annotation contradict each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QListWidget, QListWidgetItem, QWidget

from napari_densify.session.disagreements import Place
from napari_densify.session.session import Session
from napari_densify.ui.frames import show_frame
from napari_densify.ui.panel import LivePanel
from napari_densify.ui.view import go_to

if TYPE_CHECKING:
    from napari_densify.ui.case import CaseView

SHOWN = 10
"""Places that are listed."""
EVERY_MS = 2000
"""How long news are gathered before the list is made again."""


class CheckPanel(LivePanel):
    """Lists the places; a click goes there."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Check these", EVERY_MS, parent)
        self.note = QLabel("")
        self.note.setWordWrap(True)
        self.list = QListWidget()
        self.list.setFixedHeight(110)
        self.list.itemClicked.connect(self._go)
        self.addWidget(self.note)
        self.addWidget(self.list)
        self.setValue([])

    def follow(self, case: CaseView | None) -> None:
        """List the places of a running case from now on; None: of none."""
        super().follow(case)
        self.setValue([])

    def look(self, session: Session) -> list[Place]:
        """The largest places; called in a thread."""
        return session.disagreements.places(SHOWN)

    def setValue(self, seen: list[Place]) -> None:
        """Show these places, the largest first."""
        self.list.clear()
        for place in seen:
            painted, predicted = self.name_of(place.painted), self.name_of(place.predicted)
            z, y, x = place.at
            item = QListWidgetItem(
                f"{place.voxels:,} voxels painted {painted}, predicted {predicted} ({z}, {y}, {x})"
            )
            item.setData(Qt.ItemDataRole.UserRole, place)
            self.list.addItem(item)
        self.note.setText(
            "The network says otherwise than you painted here: look whether your hand slipped."
            if seen
            else "The network contradicts nothing that you painted."
        )

    def _go(self, item: QListWidgetItem) -> None:
        if self.case is not None:
            place = item.data(Qt.ItemDataRole.UserRole)
            show_frame(self.case.viewer, self.case.image, self.case.session.volume.choice)
            go_to(self.case.viewer, self.case.annotation, place.at)
