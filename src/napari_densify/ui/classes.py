"""The class table: key, colour, name and how much is painted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
"""Okabe and Ito's colours, which colour-blind people can tell apart; blue is background."""

_KEY, _COLOUR, _NAME, _PAINTED = range(4)


@dataclass(frozen=True)
class ClassRow:
    """A class: its label in the annotation, its name and its colour (#rrggbb)."""

    label: int
    name: str
    colour: str


def default_class(label: int) -> ClassRow:
    """Background for label 1, “structure n” for the others, in the palette's colours."""
    name = "background" if label == 1 else f"structure {label - 1}"
    return ClassRow(label, name, palette(label))


def palette(label: int) -> str:
    """The colour (#rrggbb) of a class that was given none."""
    return PALETTE[(label - 1) % len(PALETTE)]


class ClassTable(QWidget):
    """A table of classes to pick, add, rename, colour and remove."""

    valueChanged = Signal(list)
    picked = Signal(int)
    removeRequested = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[ClassRow] = []
        self._table = QTableWidget(0, 4)
        self._table.setHorizontalHeaderLabels(["key", "", "class", "painted"])
        self._table.verticalHeader().hide()
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._table.setToolTip(
            "Press the key to paint that class; double-click to rename or recolour"
        )
        header = self._table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        self._table.setMinimumHeight(95)  # three classes
        self._table.setMaximumHeight(150)
        add, remove = QPushButton("Add class"), QPushButton("Remove")
        add.clicked.connect(self.add)
        remove.clicked.connect(lambda: self.removeRequested.emit(self.current()))
        buttons = QHBoxLayout()
        buttons.addWidget(add)
        buttons.addWidget(remove)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)
        layout.addLayout(buttons)
        self._table.itemSelectionChanged.connect(lambda: self.picked.emit(self.current()))
        self._table.itemChanged.connect(self._renamed)
        self._table.cellDoubleClicked.connect(self._recolour)
        self.setValue([default_class(1), default_class(2)])
        self.pick(2)

    def value(self) -> list[ClassRow]:
        """The classes, ascending by label."""
        return list(self._rows)

    def setValue(self, rows: Sequence[ClassRow]) -> None:
        """Show these classes; the picked one stays picked if it is still there."""
        current = self.current()
        self._rows = sorted(rows, key=lambda row: row.label)
        self._table.blockSignals(True)
        self._table.setRowCount(len(self._rows))
        for i, row in enumerate(self._rows):
            self._put(i, _KEY, str(row.label) if row.label <= 9 else "")
            self._put(i, _COLOUR, "").setIcon(_swatch(row.colour))
            self._put(i, _NAME, row.name, editable=True)
            self._put(i, _PAINTED, "0")
        self._table.blockSignals(False)
        labels = [row.label for row in self._rows]
        self.pick(current if current in labels else labels[-1])
        self.valueChanged.emit(self.value())

    def current(self) -> int:
        """Label of the picked class."""
        row = self._table.currentRow()
        return self._rows[row].label if 0 <= row < len(self._rows) else 1

    def pick(self, label: int) -> None:
        """Pick a class by its label; unknown ones are ignored."""
        for i, row in enumerate(self._rows):
            if row.label == label:
                self._table.selectRow(i)

    def pickRow(self, row: int) -> None:
        """Pick the class in a row, counted from 0; none if there is no such row."""
        if row < len(self._rows):
            self._table.selectRow(row)

    def add(self) -> None:
        """Add a class with the lowest free label and pick it."""
        taken = {row.label for row in self._rows}
        label = next((k for k in range(1, 255) if k not in taken), None)
        if label is not None:
            self.setValue([*self._rows, default_class(label)])
            self.pick(label)

    def require(self, labels: Sequence[int]) -> None:
        """Make sure that these labels have a row."""
        missing = set(labels) - {row.label for row in self._rows}
        if missing:
            self.setValue([*self._rows, *map(default_class, missing)])

    def remove(self, label: int) -> None:
        """Take a class out of the table; background and the last structure stay."""
        if label > 1 and len(self._rows) > 2:
            self.setValue([row for row in self._rows if row.label != label])

    def setCounts(self, counts: Mapping[int, int]) -> None:
        """Show how many voxels of each class are painted."""
        self._table.blockSignals(True)
        for i, row in enumerate(self._rows):
            self._table.item(i, _PAINTED).setText(f"{counts.get(row.label, 0):,}")
        self._table.blockSignals(False)

    def _put(self, row: int, column: int, text: str, editable: bool = False) -> QTableWidgetItem:
        item = QTableWidgetItem(text)
        if not editable:
            item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
        self._table.setItem(row, column, item)
        return item

    def _renamed(self, item: QTableWidgetItem) -> None:
        if item.column() == _NAME:
            old = self._rows[item.row()]
            self._rows[item.row()] = replace(old, name=item.text().strip() or old.name)
            self.valueChanged.emit(self.value())

    def _recolour(self, row: int, column: int) -> None:
        if column != _COLOUR:
            return
        colour = QColorDialog.getColor(QColor(self._rows[row].colour), self)
        if colour.isValid():
            self.setColour(self._rows[row].label, colour.name())

    def setColour(self, label: int, colour: str) -> None:
        """Give a class another colour (#rrggbb)."""
        self.setValue(
            [replace(row, colour=colour) if row.label == label else row for row in self._rows]
        )


def _swatch(colour: str) -> QIcon:
    """A square of a colour; unlike a background it shows in a selected row too."""
    pixmap = QPixmap(16, 16)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)
