"""How large each class is, live, as text to take along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pint
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QPushButton, QTableWidget, QTableWidgetItem, QWidget

from napari_densify.cases.labels import BACKGROUND
from napari_densify.cases.measure import Measure, measure
from napari_densify.session.session import Session
from napari_densify.ui.panel import LivePanel

if TYPE_CHECKING:
    from napari_densify.ui.case import CaseView

EVERY_MS = 1000
"""How long changes of the prediction are gathered before it is measured again."""
COLUMNS = ("class", "volume", "voxels", "largest piece", "since last round")


class VolumesPanel(LivePanel):
    """A table of the classes' sizes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Volumes", EVERY_MS, parent)
        self.table = QTableWidget(0, len(COLUMNS))
        self.table.setHorizontalHeaderLabels(COLUMNS)
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setFixedHeight(120)
        self.copy = QPushButton("Copy as text")
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text()))
        self.addWidget(self.table)
        self.addWidget(self.copy)
        self._measures: list[Measure] = []
        self._before: dict[int, int] = {}

    def follow(self, case: CaseView | None) -> None:
        """Measure a running case from now on; None: none."""
        if self.case is not None:
            self.case.session.round_changed.disconnect(self._begin_round)
        super().follow(case)
        if case is not None:
            self._before = {}
            case.session.round_changed.connect(self._begin_round)

    def look(self, session: Session) -> list[Measure]:
        """The structures' sizes; called in a thread."""
        known = {*session.orders.classes, *session.annotation.classes}
        return measure(session.prediction, sorted(known - {BACKGROUND}))

    def setValue(self, seen: list[Measure]) -> None:
        """Show these sizes."""
        self._measures = seen
        self.table.setRowCount(len(seen))
        for i, each in enumerate(seen):
            for j, text in enumerate(self._row(each)):
                self.table.setItem(i, j, QTableWidgetItem(text))
        self.table.resizeColumnsToContents()

    def text(self) -> str:
        """The table with tabs between its columns, as spreadsheets take it."""
        rows = [COLUMNS, *(self._row(m) for m in self._measures)]
        return "\n".join("\t".join(row) for row in rows)

    def _begin_round(self, number: int) -> None:
        self._before = {m.label: m.voxels for m in self._measures}

    def _row(self, m: Measure) -> tuple[str, ...]:
        before = self._before.get(m.label)
        change = "" if before is None else f"{m.voxels - before:+,}"
        largest = "–" if m.largest is None else self._volume(m.largest)
        return (self.name_of(m.label), self._volume(m.voxels), f"{m.voxels:,}", largest, change)

    def _volume(self, voxels: int) -> str:
        if self.case is None:
            return ""
        z, y, x = self.case.session.volume.spacing
        return volume_text(voxels * z * y * x, self.case.image.units[-1])


def volume_text(size: float, unit: pint.Unit) -> str:
    """A volume in words: ml where the unit is millimetres or larger, else µm³.

    Parameters
    ----------
    size : float
        In cubes of `unit`.
    unit : pint.Unit
        A layer's; napari's own is the pixel.
    """
    quantity = size * unit**3
    if not quantity.check("[length]**3"):
        return f"{size:,.0f} (no unit)"
    if (1 * unit).to("millimeter").magnitude >= 1:
        return f"{quantity.to('milliliter').magnitude:,.3f} ml"
    return f"{quantity.to('micrometer**3').magnitude:,.0f} µm³"
