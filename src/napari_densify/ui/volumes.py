"""How large each class is, live, as text to take along."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pint
from napari.qt.threading import create_worker
from qtpy.QtCore import QTimer
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QPushButton, QTableWidget, QTableWidgetItem
from superqt import QCollapsible

from napari_densify.cases.measure import Measure, measure

if TYPE_CHECKING:
    from napari_densify.ui.case import CaseView

EVERY_MS = 1000
"""How long changes of the prediction are gathered before it is measured again."""
COLUMNS = ("class", "volume", "voxels", "largest piece", "since last round")


class VolumesPanel(QCollapsible):
    """A table of the classes' sizes; measures only while it is unfolded."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__("Volumes", parent)
        self.table = QTableWidget(0, len(COLUMNS))
        self.table.setHorizontalHeaderLabels(COLUMNS)
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setFixedHeight(120)
        self.copy = QPushButton("Copy as text")
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text()))
        self.addWidget(self.table)
        self.addWidget(self.copy)
        self._case: CaseView | None = None
        self._name_of: Callable[[int], str] = str
        self._measures: list[Measure] = []
        self._before: dict[int, int] = {}
        self._timer = QTimer(self, singleShot=True, interval=EVERY_MS)
        self._timer.timeout.connect(self._measure)
        self.toggled.connect(self._changed)

    def follow(self, case: CaseView | None, name_of: Callable[[int], str] = str) -> None:
        """Measure a running case from now on; None: none."""
        if self._case is not None:
            self._case.session.prediction_changed.disconnect(self._changed)
            self._case.session.edited.disconnect(self._changed)
            self._case.session.round_changed.disconnect(self._begin_round)
        self._case, self._name_of = case, name_of
        self._timer.stop()
        if case is not None:
            self._before = {}
            case.session.prediction_changed.connect(self._changed)
            case.session.edited.connect(self._changed)
            case.session.round_changed.connect(self._begin_round)
            self._changed()

    def text(self) -> str:
        """The table with tabs between its columns, as spreadsheets take it."""
        rows = [COLUMNS, *(self._row(m) for m in self._measures)]
        return "\n".join("\t".join(row) for row in rows)

    def _begin_round(self, number: int) -> None:
        self._before = {m.label: m.voxels for m in self._measures}

    def _changed(self, _: Any = None) -> None:
        if self._case is not None and self.isExpanded() and not self._timer.isActive():
            self._timer.start()

    def _measure(self) -> None:
        if self._case is not None:
            session = self._case.session
            structures = [k for k in session.classes if k > 1]
            worker = create_worker(measure, session.prediction, structures)
            worker.returned.connect(self._measured)
            worker.start()

    def _measured(self, measures: list[Measure]) -> None:
        self._measures = measures
        self.table.setRowCount(len(measures))
        for i, each in enumerate(measures):
            for j, text in enumerate(self._row(each)):
                self.table.setItem(i, j, QTableWidgetItem(text))
        self.table.resizeColumnsToContents()

    def _row(self, m: Measure) -> tuple[str, ...]:
        before = self._before.get(m.label)
        change = "" if before is None else f"{m.voxels - before:+,}"
        largest = "–" if m.largest is None else self._volume(m.largest)
        return (self._name_of(m.label), self._volume(m.voxels), f"{m.voxels:,}", largest, change)

    def _volume(self, voxels: int) -> str:
        if self._case is None:
            return ""
        z, y, x = self._case.session.volume.spacing
        return volume_text(voxels * z * y * x, self._case.image.units[-1])


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
