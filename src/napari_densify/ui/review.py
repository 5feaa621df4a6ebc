"""Places worth a look: where network and annotation contradict each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.qt.threading import create_worker
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QLabel, QListWidget, QListWidgetItem
from superqt import QCollapsible

from napari_densify.session.disagreements import Place
from napari_densify.ui.view import go_to

if TYPE_CHECKING:
    from napari_densify.ui.case import CaseView

SHOWN = 10
"""Places that are listed."""
EVERY_MS = 2000
"""How long news are gathered before the list is made again."""


class CheckPanel(QCollapsible):
    """Lists the places; a click goes there. Looks for them only while it is unfolded."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__("Check these", parent)
        self.note = QLabel("")
        self.note.setWordWrap(True)
        self.list = QListWidget()
        self.list.setFixedHeight(110)
        self.list.itemClicked.connect(self._go)
        self.addWidget(self.note)
        self.addWidget(self.list)
        self._case: CaseView | None = None
        self._name_of: Callable[[int], str] = str
        self._timer = QTimer(self, singleShot=True, interval=EVERY_MS)
        self._timer.timeout.connect(self._look)
        self.toggled.connect(self._changed)

    def follow(self, case: CaseView | None, name_of: Callable[[int], str] = str) -> None:
        """List the places of a running case from now on; None: of none."""
        if self._case is not None:
            self._case.session.prediction_changed.disconnect(self._changed)
            self._case.session.edited.disconnect(self._changed)
        self._case, self._name_of = case, name_of
        self._timer.stop()
        self.setPlaces([])
        if case is not None:
            case.session.prediction_changed.connect(self._changed)
            case.session.edited.connect(self._changed)
            self._changed()

    def setPlaces(self, places: list[Place]) -> None:
        """Show these places, the largest first."""
        self.list.clear()
        for place in places:
            painted, predicted = self._name_of(place.painted), self._name_of(place.predicted)
            z, y, x = place.at
            item = QListWidgetItem(
                f"{place.voxels:,} voxels painted {painted}, predicted {predicted} ({z}, {y}, {x})"
            )
            item.setData(Qt.ItemDataRole.UserRole, place)
            self.list.addItem(item)
        self.note.setText(
            "The network says otherwise than you painted here: look whether your hand slipped."
            if places
            else "The network contradicts nothing that you painted."
        )

    def _changed(self, _: Any = None) -> None:
        if self._case is not None and self.isExpanded() and not self._timer.isActive():
            self._timer.start()

    def _look(self) -> None:
        if self._case is not None:
            worker = create_worker(self._case.session.disagreements.places, SHOWN)
            worker.returned.connect(self.setPlaces)
            worker.start()

    def _go(self, item: QListWidgetItem) -> None:
        if self._case is not None:
            place = item.data(Qt.ItemDataRole.UserRole)
            go_to(self._case.viewer, self._case.annotation, place.at)
