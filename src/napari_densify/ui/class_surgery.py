"""What is done to the classes of a running case, and what that does to its voxels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QMessageBox

from napari_densify.ui.classes import ClassRow, ClassTable

if TYPE_CHECKING:
    from napari_densify.ui.case import CaseView


class ClassSurgery(QObject):
    """Binds the class table to a running case; what costs voxels is asked first.

    Parameters
    ----------
    table : ClassTable
    """

    def __init__(self, table: ClassTable) -> None:
        super().__init__(table)
        self.table = table
        self._case: CaseView | None = None
        table.valueChanged.connect(self._changed)
        table.picked.connect(self._picked)
        table.removeRequested.connect(self.remove)

    def follow(self, case: CaseView | None) -> None:
        """Work on a running case from now on; None: on none."""
        if self._case is not None:
            self._case.classPicked.disconnect(self.table.pick)
            self._case.session.edited.disconnect(self._edited)
        self._case = case
        if case is not None:
            case.classPicked.connect(self.table.pick)
            case.session.edited.connect(self._edited)
            self.table.pick(case.annotation.selected_label)
            self._edited()

    def remove(self, label: int) -> None:
        """Take a class away, and with it what is painted of it if the user agrees."""
        case = self._case
        painted = int(case.session.annotation.counts[label].sum()) if case else 0
        if case and painted:
            question = f"Remove this class and erase its {painted:,} painted voxels?"
            answer = QMessageBox.question(self.table, "Remove class", question)
            if answer != QMessageBox.StandardButton.Yes:
                return
            case.erase_class(label)
        self.table.remove(label)

    def _edited(self, edit: Any = None) -> None:
        if self._case is not None:
            annotation = self._case.session.annotation
            self.table.require(annotation.classes)
            counts = annotation.counts.sum(axis=(1, 2))
            self.table.setCounts({row.label: int(counts[row.label]) for row in self.table.value()})

    def _changed(self, rows: list[ClassRow]) -> None:
        if self._case is not None:
            self._case.set_classes(rows)
            self._edited()

    def _picked(self, label: int) -> None:
        if self._case is not None:
            self._case.pick(label)
