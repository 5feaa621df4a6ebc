"""How large each class is, live, as text to take along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pint
from napari.qt.threading import create_worker
from qtpy.QtCore import Signal
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

    copied = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Volumes", EVERY_MS, parent)
        self.table = QTableWidget(0, len(COLUMNS))
        # In two lines all of them fit into the dock.
        self.table.setHorizontalHeaderLabels(["\n".join(c.rsplit(" ", 1)) for c in COLUMNS])
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setFixedHeight(120)
        self.copy = QPushButton("Copy as text")
        self.copy.clicked.connect(self._copy)
        self.addWidget(self.table)
        self.addWidget(self.copy)
        self._measures: list[Measure] = []
        self._measured_in = 0
        self._before: dict[int, int] = {}

    def follow(self, case: CaseView | None) -> None:
        """Measure a running case from now on; None: none."""
        if self.case is not None:
            self.case.session.round_changed.disconnect(self._begin_round)
        super().follow(case)
        if case is not None:
            self._before = {}
            self.setValue([])
            case.session.round_changed.connect(self._begin_round)

    def look(self, session: Session) -> list[Measure]:
        """The structures' sizes; called in a thread."""
        there = set(session.orders.classes) - session.orders.folded.keys()
        known = there | set(session.annotation.classes)
        return measure(session.prediction, sorted(known - {BACKGROUND}))

    def setValue(self, seen: list[Measure]) -> None:
        """Show these sizes."""
        self._measures = seen
        self._measured_in = self.case.session.annotation.round if self.case is not None else 0
        self.table.setRowCount(len(seen))
        for i, each in enumerate(seen):
            for j, text in enumerate(self._row(each)):
                self.table.setItem(i, j, QTableWidgetItem(text))
        self.table.resizeColumnsToContents()

    def text(self) -> str:
        """The table with tabs between its columns, as spreadsheets take it."""
        rows = [COLUMNS, *(self._row(m) for m in self._measures)]
        return "\n".join("\t".join(row) for row in rows)

    def _copy(self) -> None:
        """Measure once more, for the panel may be folded, and take the table along."""
        case = self.case

        def copy(seen: list[Measure]) -> None:
            if self.case is case:
                self.setValue(seen)
            QGuiApplication.clipboard().setText(self.text())
            self.copied.emit()

        if case is not None:
            worker = create_worker(self.look, case.session)
            worker.returned.connect(copy)
            worker.start()

    def _begin_round(self, number: int) -> None:
        # Of a panel that was folded then, nobody knows.
        known = self._measures if self._measured_in == number - 1 else []
        self._before = {m.label: m.voxels for m in known}

    def _row(self, m: Measure) -> tuple[str, ...]:
        before = self._before.get(m.label)
        change = "" if before is None else f"{m.voxels - before:+,}"
        largest = "–" if m.largest is None else self._volume(m.largest)
        return (self.name_of(m.label), self._volume(m.voxels), f"{m.voxels:,}", largest, change)

    def _volume(self, voxels: int) -> str:
        if self.case is None:
            return ""
        z, y, x = self.case.session.volume.spacing
        unit = pint.Unit(self.case.session.volume.unit or "pixel")
        return volume_text(voxels * z * y * x, unit)


def volume_text(size: float, unit: pint.Unit) -> str:
    """A volume in words: ml where the unit is millimetres or larger, else µm³.

    To four digits at least, and narrow enough for five columns in the dock.

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
        millilitres = quantity.to("milliliter").magnitude
        decimals = 3 if millilitres < 10 else 2 if millilitres < 100 else 1
        return f"{millilitres:,.{decimals}f} ml"
    return f"{quantity.to('micrometer**3').magnitude:,.0f} µm³"
