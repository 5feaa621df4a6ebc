"""What is done to the classes of a running case, and what that does to its voxels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QInputDialog, QMessageBox

from napari_densify.cases.problem import Problem
from napari_densify.session import surgery
from napari_densify.ui.classes import ClassRow, ClassTable

if TYPE_CHECKING:
    from napari_densify.ui.case import CaseView


class ClassSurgery(QObject):
    """Binds the class table to a running case; what costs voxels is said and asked first.

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
        table.mergeRequested.connect(self.ask_merge)
        table.removeRequested.connect(self.ask_delete)

    def follow(self, case: CaseView | None) -> None:
        """Work on a running case from now on; None: on none."""
        if self._case is not None:
            self._case.classPicked.disconnect(self.table.pick)
            self._case.session.edited.disconnect(self._edited)
        self._case = case
        ours = case is None or not case.session.read_only
        for button in self.table.buttons.values():
            button.setEnabled(ours)
        if case is not None:
            case.classPicked.connect(self.table.pick)
            case.session.edited.connect(self._edited)
            self.table.pick(case.annotation.selected_label)
            self._edited()

    def ask_merge(self, label: int) -> None:
        """Say what there is of a class, ask which one it shall become, and merge."""
        others = [row for row in self.table.value() if row.label != label]
        if not self._may_go(label, "merged"):
            return
        names = [row.name for row in others]
        question = f"{self._extent(label)}\nAll of that becomes:"
        name, agreed = QInputDialog.getItem(
            self.table, "Merge class", question, names, editable=False
        )
        if agreed:
            self.merge(label, others[names.index(name)].label)

    def merge(self, label: int, into: int) -> None:
        """Make one class of two."""
        if self._case is not None:
            try:
                self._case.show_edit(surgery.merge(self._case.session, label, into))
            except Problem as problem:
                show_error(str(problem))
                return
        self.table.remove(label)
        self.table.pick(into)

    def ask_delete(self, label: int) -> None:
        """Say what becomes of the voxels of a class, and take it away if the user agrees."""
        if not self._may_go(label, "deleted"):
            return
        there = self._case and surgery.extent(self._case.session, label)
        if there and (there.painted or there.predicted):
            question = (
                f"{self._extent(label)}\nThe painted ones are erased; undo (Ctrl+Z) brings them "
                "back. The predicted ones are predicted anew, without this class."
            )
            answer = QMessageBox.question(self.table, "Delete class", question)
            if answer != QMessageBox.StandardButton.Yes:
                return
        if self._case is not None:
            try:
                self._case.show_edit(surgery.delete(self._case.session, label))
            except Problem as problem:
                show_error(str(problem))
                return
        self.table.remove(label)

    def _may_go(self, label: int, done: str) -> bool:
        row = next(row for row in self.table.value() if row.label == label)
        if row.locked:
            show_info(f"“{row.name}” is locked; unlock it first.")
        elif not self.table.removable(label):
            show_info(f"“{row.name}” cannot be {done}: background and one structure must stay.")
        else:
            return True
        return False

    def _extent(self, label: int) -> str:
        name = next(row.name for row in self.table.value() if row.label == label)
        if self._case is None:
            return f"Nothing is painted of “{name}” yet."
        there = surgery.extent(self._case.session, label)
        return (
            f"“{name}” has {there.painted:,} painted voxels and {there.predicted:,} predicted ones."
        )

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
