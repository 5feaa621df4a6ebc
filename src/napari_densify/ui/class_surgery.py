"""What is done to the classes of a running case, and what that does to its voxels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.qt.threading import create_worker
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QInputDialog, QMessageBox

from napari_densify.cases.edit import Edit
from napari_densify.cases.names import distinct
from napari_densify.cases.problem import Problem
from napari_densify.session import surgery
from napari_densify.session.session import Session
from napari_densify.session.surgery import Extent
from napari_densify.ui.classes import ClassRow, ClassTable

if TYPE_CHECKING:
    from napari_densify.ui.case import CaseView

COSTLY = ("merge_class", "delete_class")
"""Buttons of what needs a search of the whole prediction."""


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
        self._home: Path | None = None
        self._searching = 0
        table.valueChanged.connect(self._changed)
        table.picked.connect(self._picked)
        table.paintRequested.connect(self._paint)
        table.mergeRequested.connect(self.ask_merge)
        table.removeRequested.connect(self.ask_delete)

    def follow(self, case: CaseView | None) -> None:
        """Work on a running case from now on; None: on none."""
        if self._case is not None:
            self._case.classPicked.disconnect(self.table.pick)
            self._case.session.edited.disconnect(self._edited)
            self._case.session.class_gone.disconnect(self._gone)
            self._home = _home_of(self._case)
        self._case = case
        self._enable()
        if case is not None:
            self._take_over(case)
            case.classPicked.connect(self.table.pick)
            case.session.edited.connect(self._edited)
            case.session.class_gone.connect(self._gone)
            self.table.pick(case.annotation.selected_label)
            self._edited()

    def ask_merge(self, label: int) -> None:
        """Say what there is of a class, ask which one it shall become, and merge."""
        if self._may_go(label, "merged"):
            self._count(label, partial(self._ask_into, label))

    def merge(self, label: int, into: int) -> None:
        """Make one class of two."""
        self._operate(label, lambda session: surgery.merge(session, label, into))
        self.table.pick(into)

    def ask_delete(self, label: int) -> None:
        """Say what becomes of the voxels of a class, and take it away if the user agrees."""
        if self._may_go(label, "deleted"):
            self._count(label, partial(self._ask_whether, label))

    def delete(self, label: int) -> None:
        """Take a class away, with all that is painted of it."""
        self._operate(label, lambda session: surgery.delete(session, label))

    def _take_over(self, case: CaseView) -> None:
        """Tell the table what became of classes in this project, and not in another one."""
        project, home = case.session.project, _home_of(case)
        self.table.spared = frozenset(project.description.learning.folded if project else ())
        if home is None or home != self._home:
            self.table.forget_gone()

    def _ask_into(self, label: int, there: Extent) -> None:
        others = [row for row in self.table.value() if row.label != label]
        names = distinct([row.name for row in others], joint=" ")
        question = f"{self._extent(label, there)}\nAll of that becomes:"
        name, agreed = QInputDialog.getItem(
            self.table, "Merge class", question, names, editable=False
        )
        if agreed:
            self.merge(label, others[names.index(name)].label)

    def _ask_whether(self, label: int, there: Extent) -> None:
        if there.painted or there.predicted:
            question = (
                f"{self._extent(label, there)}\nThe painted ones are erased; undo (Ctrl+Z) brings "
                "them back. The predicted ones are predicted anew, without this class."
            )
            answer = QMessageBox.question(self.table, "Delete class", question)
            if answer != QMessageBox.StandardButton.Yes:
                return
        self.delete(label)

    def _count(self, label: int, ask: Callable[[Extent], None]) -> None:
        """Count a class's voxels in a thread, then ask, if its case is still the same."""
        case = self._case
        if case is None:
            ask(Extent(0, 0))
            return
        self._search(
            create_worker(
                surgery.extent, case.session, label, _progress=_told("counting the class's voxels")
            ),
            returned=lambda there: ask(there) if self._case is case else None,
        )

    def _operate(self, label: int, operation: Callable[[Session], Edit | None]) -> None:
        """Do it to the annotation now, and to what is shown of the prediction as it is found."""
        case = self._case
        if case is not None:
            try:
                case.show_edit(operation(case.session))
            except Problem as problem:
                show_error(str(problem))
                return
        self._gone(label)

    def _gone(self, label: int) -> None:
        """Take a class out of the table, and redraw what is shown of the prediction."""
        if self._case is not None:
            self._search(
                create_worker(
                    surgery.redrawn,
                    self._case.session,
                    label,
                    _progress=_told("redrawing the class"),
                ),
                yielded=lambda draw: draw(),
            )
        self.table.remove(label)

    def _search(self, worker: Any, **then: Callable[[Any], None]) -> None:
        """Search the prediction in a thread; until it is done no other class can go."""
        for event, answer in then.items():
            getattr(worker, event).connect(answer)
        self._searching += 1
        self._enable()
        worker.finished.connect(self._searched)
        worker.start()

    def _searched(self) -> None:
        self._searching -= 1
        self._enable()

    def _enable(self) -> None:
        ours = self._case is None or not self._case.session.read_only
        for name, button in self.table.buttons.items():
            button.setEnabled(ours and not (self._searching and name in COSTLY))

    def _may_go(self, label: int, done: str) -> bool:
        row = next(row for row in self.table.value() if row.label == label)
        if row.locked:
            show_info(f"“{row.name}” is locked; unlock it first.")
        elif not self.table.removable(label):
            show_info(f"“{row.name}” cannot be {done}: background and one structure must stay.")
        else:
            return True
        return False

    def _extent(self, label: int, there: Extent) -> str:
        name = next(row.name for row in self.table.value() if row.label == label)
        if not there.painted and not there.predicted:
            return f"Nothing is painted or predicted of “{name}”."
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

    def _paint(self) -> None:
        if self._case is not None:
            self._case.layers.paint_on()


def _home_of(case: CaseView) -> Path | None:
    """The project of a case, wherever it lies by now."""
    return case.session.project.home if case.session.project is not None else None


def _told(what: str) -> dict[str, Any]:
    """How a thread is shown in napari's activity dock."""
    return {"desc": f"Densify: {what}", "total": 0}
