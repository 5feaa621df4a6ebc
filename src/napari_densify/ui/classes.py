"""The class table: key, colour, name, how much is painted, what is shown and what is locked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

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
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_densify.cases.labels import LAST_LABEL, default_name
from napari_densify.cases.project import Label
from napari_densify.ui.actions import CLASS_KEYS, tip

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
"""Okabe and Ito's colours, which colour-blind people can tell apart; blue is background."""

ROW, MOST = 24, 6
"""Height of a row in pixels, and rows that are seen without scrolling."""
GRIP = "≡"
"""What rows are dragged by."""
_KEY, _COLOUR, _NAME, _PAINTED, _SHOW, _LOCK = range(6)
_HEADER = ("key", "", "class", "painted", "show", "lock")


@dataclass(frozen=True)
class ClassRow:
    """A class: its label in the annotation, its name, its colour (#rrggbb), and what is done to it.

    Attributes
    ----------
    visible : bool
        Whether it is drawn; data do not change.
    locked : bool
        Whether what is painted of it stays, whatever is painted over it.
    """

    label: int
    name: str
    colour: str
    visible: bool = True
    locked: bool = False

    @classmethod
    def of(cls, kept: Label) -> ClassRow:
        """The row that a project keeps."""
        colour = kept.colour or palette(kept.label)
        return cls(kept.label, kept.name, colour, kept.visible, kept.locked)

    def keep(self) -> Label:
        """The row as a project keeps it."""
        return Label(
            label=self.label,
            name=self.name,
            colour=self.colour,
            visible=self.visible,
            locked=self.locked,
        )


def default_class(label: int) -> ClassRow:
    """Background for label 1, “structure n” for the others, in the palette's colours."""
    return ClassRow(label, default_name(label), palette(label))


def palette(label: int) -> str:
    """The colour (#rrggbb) of a class that was given none."""
    return PALETTE[(label - 1) % len(PALETTE)]


class ClassTable(QWidget):
    """A table of classes to pick, add, rename, colour, order, hide and lock.

    Merging and deleting cost voxels, so they are only asked for here.
    """

    valueChanged = Signal(list)
    picked = Signal(int)
    paintRequested = Signal()
    mergeRequested = Signal(int)
    removeRequested = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[ClassRow] = []
        self._gone: dict[int, ClassRow] = {}
        self.spared: frozenset[int] = frozenset()
        self._table = QTableWidget(0, len(_HEADER))
        self._table.setHorizontalHeaderLabels(_HEADER)
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        # Not by just any key: keys say what is painted.
        triggers = QAbstractItemView.EditTrigger
        self._table.setEditTriggers(triggers.DoubleClicked | triggers.EditKeyPressed)
        self._table.setToolTip(
            "Press the key to paint that class; double-click to rename or recolour. A class that "
            "is not shown keeps its voxels; those of a locked one cannot be painted over. Drag a "
            "row by its left end to give it another key."
        )
        header = self._table.horizontalHeader()
        header.setMinimumSectionSize(16)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        grips = self._table.verticalHeader()
        grips.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        grips.setDefaultSectionSize(ROW)
        grips.setSectionsMovable(True)
        grips.sectionMoved.connect(self._dragged)
        buttons = QHBoxLayout()
        self.buttons: dict[str, QPushButton | QToolButton] = {}
        for name, text, act in (
            ("add_class", "Add", self.add),
            ("merge_class", "Merge…", lambda: self.mergeRequested.emit(self.current())),
            ("delete_class", "Delete", lambda: self.removeRequested.emit(self.current())),
            ("class_up", "▲", lambda: self.move(-1)),
            ("class_down", "▼", lambda: self.move(1)),
        ):
            button = self.buttons[name] = QToolButton() if len(text) == 1 else QPushButton()
            button.setText(text)
            button.setToolTip(tip(name))
            button.clicked.connect(act)
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)
        layout.addLayout(buttons)
        self._table.itemSelectionChanged.connect(self._selection_changed)
        self._table.itemChanged.connect(self._item_changed)
        self._table.cellClicked.connect(self._clicked)
        self._table.cellDoubleClicked.connect(self._recolour)
        self.setValue([default_class(1), default_class(2)])
        self.pick(2)

    def value(self) -> list[ClassRow]:
        """The classes in their order."""
        return list(self._rows)

    def setValue(self, rows: Sequence[ClassRow]) -> None:
        """Show these classes; the picked one stays picked if it is still there."""
        current = self.current()
        self._rows = list(rows)
        self._table.blockSignals(True)
        self._table.setRowCount(len(self._rows))
        self._table.setVerticalHeaderLabels([GRIP] * len(self._rows))
        for i, row in enumerate(self._rows):
            key = self._put(i, _KEY, str(i + 1) if i + 1 in CLASS_KEYS else "")
            key.setToolTip(f"{row.label - 1} in exported files")
            self._put(i, _COLOUR, "").setIcon(_swatch(row.colour))
            self._put(i, _NAME, row.name, Qt.ItemFlag.ItemIsEditable)
            self._put(i, _PAINTED, "0")
            for column, on in ((_SHOW, row.visible), (_LOCK, row.locked)):
                box = self._put(i, column, "", Qt.ItemFlag.ItemIsUserCheckable)
                box.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        self._table.blockSignals(False)
        rows_shown = min(max(len(self._rows), 2), MOST) + 1
        self._table.setFixedHeight(rows_shown * ROW + 2)
        labels = [row.label for row in self._rows]
        self.pick(current if current in labels else labels[-1])
        self.valueChanged.emit(self.value())

    def current(self) -> int:
        """Label of the picked class."""
        row = self._row()
        return self._rows[row].label if 0 <= row < len(self._rows) else 1

    def pick(self, label: int) -> None:
        """Pick a class by its label; of one that has no row, as of 0, no row is shown as picked."""
        labels = [row.label for row in self._rows]
        if label in labels:
            self.pickRow(labels.index(label))
        else:
            self._table.blockSignals(True)
            self._table.clearSelection()
            self._table.blockSignals(False)

    def pickRow(self, row: int) -> None:
        """Pick the class in a row, counted from 0; none if there is no such row."""
        if row < len(self._rows):
            self._table.selectRow(row)
            # The table says nothing if that row was picked before, be it of another class.
            self.picked.emit(self.current())

    def paint(self, row: int) -> None:
        """Pick the class in a row, counted from 0, as the user who wants to paint it."""
        if row < len(self._rows):
            self.pickRow(row)
            self.paintRequested.emit()

    def add(self) -> None:
        """Add a class with the lowest label that none has or had, and pick it."""
        taken = {row.label for row in self._rows}
        free = [k for k in range(1, LAST_LABEL + 1) if k not in taken]
        if free:
            # What was a class before, other cases may still hold.
            label = next((k for k in free if k not in self._gone and k not in self.spared), free[0])
            self._gone.pop(label, None)
            self.setValue([*self._rows, default_class(label)])
            self.pick(label)

    def require(self, labels: Iterable[int]) -> None:
        """Make sure that these labels have a row; one that was taken away comes back as it was."""
        missing = set(labels) - {row.label for row in self._rows}
        if missing:
            back = [self._gone.pop(k, default_class(k)) for k in sorted(missing)]
            self.setValue([*self._rows, *back])

    def removable(self, label: int) -> bool:
        """Whether a class may go: background and the last structure stay."""
        return label > 1 and len(self._rows) > 2

    def remove(self, label: int) -> None:
        """Take a class out of the table, if it may go."""
        if self.removable(label):
            self._gone |= {row.label: row for row in self._rows if row.label == label}
            self.setValue([row for row in self._rows if row.label != label])

    def forget_gone(self) -> None:
        """What was taken away was of another project, whose labels say nothing here."""
        self._gone.clear()

    def move(self, by: int) -> None:
        """Move the picked class down by so many rows, up below 0; its key goes along."""
        here = self._row()
        there = min(max(here + by, 0), len(self._rows) - 1)
        if here >= 0 and there != here:
            self._reorder(here, there)

    def toggle(self, what: str) -> None:
        """Turn `visible` or `locked` of the picked class round."""
        row = next(row for row in self._rows if row.label == self.current())
        self.change(row.label, **{what: not getattr(row, what)})

    def change(self, label: int, **to: Any) -> None:
        """Give a class another name, colour and so on."""
        self.setValue([replace(row, **to) if row.label == label else row for row in self._rows])

    def setCounts(self, counts: Mapping[int, int]) -> None:
        """Show how many voxels of each class are painted."""
        self._table.blockSignals(True)
        for i, row in enumerate(self._rows):
            self._table.item(i, _PAINTED).setText(f"{counts.get(row.label, 0):,}")
        self._table.blockSignals(False)

    def _row(self) -> int:
        """The row that is shown as picked."""
        # Qt's current one may be another: if a name is typed meanwhile, that is taken up first.
        picked = self._table.selectionModel().selectedRows()
        return picked[0].row() if picked else self._table.currentRow()

    def _selection_changed(self) -> None:
        if self._table.selectedItems():
            self.picked.emit(self.current())
        else:  # Ctrl and a click picked nothing, but something is painted
            self._table.selectRow(self._table.currentRow())

    def _clicked(self, _: int, column: int) -> None:
        if column not in (_SHOW, _LOCK):
            self.paintRequested.emit()

    def _reorder(self, here: int, there: int) -> None:
        rows = self.value()
        rows.insert(there, rows.pop(here))
        self.setValue(rows)

    def _dragged(self, _: int, here: int, there: int) -> None:
        """Qt moves only what is seen of a row: take that back, and move the class."""
        grips = self._table.verticalHeader()
        grips.blockSignals(True)
        grips.moveSection(there, here)
        grips.blockSignals(False)
        self._reorder(here, there)

    def _put(
        self, row: int, column: int, text: str, can: Qt.ItemFlag = Qt.ItemFlag.NoItemFlags
    ) -> QTableWidgetItem:
        item = QTableWidgetItem(text)
        item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | can)
        self._table.setItem(row, column, item)
        return item

    def _item_changed(self, item: QTableWidgetItem) -> None:
        old, on = self._rows[item.row()], item.checkState() == Qt.CheckState.Checked
        changes: dict[int, dict[str, Any]] = {
            _NAME: {"name": item.text().strip() or old.name},
            _SHOW: {"visible": on},
            _LOCK: {"locked": on},
        }
        if item.column() in changes:
            self._rows[item.row()] = replace(old, **changes[item.column()])
            self.valueChanged.emit(self.value())

    def _recolour(self, row: int, column: int) -> None:
        if column != _COLOUR:
            return
        colour = QColorDialog.getColor(QColor(self._rows[row].colour), self)
        if colour.isValid():
            self.change(self._rows[row].label, colour=colour.name())


def _swatch(colour: str) -> QIcon:
    """A square of a colour; unlike a background it shows in a selected row too."""
    pixmap = QPixmap(16, 16)
    pixmap.fill(QColor(colour))
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)  # Qt would tint it there
    return icon
