"""The versions of an annotation that are kept: bring one back, compare it, throw it away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from napari.qt.threading import create_worker
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.problem import Problem
from napari_densify.cases.snapshot import Comparison, Snapshot, compare
from napari_densify.session import following
from napari_densify.ui.layers import labels_like, sign

if TYPE_CHECKING:
    from napari_densify.ui.case import CaseView

Names = Callable[[int], str]


class SnapshotsDialog(QDialog):
    """Lists a project's snapshots, the newest first.

    Parameters
    ----------
    project : ProjectFolder
        It may get another place meanwhile. If it is read-only, nothing can be brought back.
    name_of : callable
        The name of a class, by its label.
    """

    restoreRequested = Signal(object)
    compared = Signal(object)

    def __init__(
        self,
        project: ProjectFolder,
        name_of: Names,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Snapshots")
        self._project, self._name_of = project, name_of
        self.list = QTreeWidget()
        self.list.setRootIsDecorated(False)
        self.list.setHeaderLabels(["Name", "When", "Painted voxels"])
        self.restore = QPushButton("Restore")
        self.restore.setToolTip("Bring this version back; undo takes that back again")
        self.compare = QPushButton("Compare")
        self.compare.setToolTip("Show what has been painted and erased since")
        self.remove = QPushButton("Throw away")
        self.answer = QLabel("")
        self.answer.setWordWrap(True)
        buttons = QHBoxLayout()
        for button in (self.restore, self.compare, self.remove):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.list)
        layout.addWidget(self.answer)
        layout.addLayout(buttons)
        self.restore.clicked.connect(partial(self._read, self.restoreRequested.emit))
        self.compare.clicked.connect(partial(self._read, self._compare))
        self.remove.clicked.connect(self._remove)
        self.list.itemSelectionChanged.connect(self._picked)
        self.resize(480, 320)
        self.fill()

    def fill(self) -> None:
        """Show what is there now."""
        self.list.clear()
        for snapshot in reversed(self._project.snapshots.list()):
            name = snapshot.name or "by itself"
            row = QTreeWidgetItem([name, _when(snapshot), f"{snapshot.voxels:,}"])
            row.setData(0, Qt.ItemDataRole.UserRole, snapshot)
            self.list.addTopLevelItem(row)
        for column in range(3):
            self.list.resizeColumnToContents(column)
        if self.list.topLevelItemCount():
            self.list.setCurrentItem(self.list.topLevelItem(0))
        self._picked()

    def value(self) -> Snapshot | None:
        """The snapshot that is picked."""
        rows = self.list.selectedItems()
        return rows[0].data(0, Qt.ItemDataRole.UserRole) if rows else None

    def _picked(self) -> None:
        picked = self.value() is not None
        self.compare.setEnabled(picked)
        self.restore.setEnabled(picked and not self._project.read_only)
        self.remove.setEnabled(picked and not self._project.read_only)

    def _read(self, then: Callable[[Annotation], None], _: bool = False) -> None:
        snapshot = self.value()
        if snapshot is not None:
            worker = create_worker(self._project.snapshots.read, snapshot, _ignore_errors=True)
            worker.returned.connect(then)
            worker.errored.connect(_say)
            worker.start()

    def _compare(self, then: Annotation) -> None:
        differences = [d for d in compare(then, self._project.annotation) if d.gone or d.new]
        self.answer.setText(
            "\n".join(self._sentence(d) for d in differences) or "Nothing has changed since."
        )
        if differences:
            self.compared.emit(then)

    def _sentence(self, d: Comparison) -> str:
        name = self._name_of(d.label)
        return f"{name}: {d.then:,} then, {d.now:,} now ({d.new:,} new, {d.gone:,} gone)"

    def _remove(self) -> None:
        snapshot = self.value()
        if snapshot is None:
            return
        named = f"“{snapshot.name}”" if snapshot.name else "The snapshot made by itself"
        question = (
            f"{named} of {_when(snapshot)} ({snapshot.voxels:,} painted voxels) is thrown away for "
            "good; what is painted now stays."
        )
        answer = QMessageBox.question(self, "Throw a snapshot away", question)
        # Its case may have ended while the question stood there, and the dialog with it.
        if answer == QMessageBox.StandardButton.Yes and self.isVisible():
            self._project.snapshots.remove(snapshot)
            self.fill()


def restore(case: CaseView, then: Annotation) -> None:
    """Bring an earlier state of a case's annotation back, undoable like any stroke.

    If that cannot be kept in the project nothing changes, and the window says why.
    """
    if case.closed:
        return
    try:
        edit, kept = following.restore(case.session, then)
    except Problem as problem:
        show_error(str(problem))
        return
    if kept:
        show_info(f"{kept:,} voxels of locked classes stayed as they are; unlock them first.")
    case.show_edit(edit)


def show_differences(case: CaseView, then: Annotation) -> None:
    """Show what an earlier state had where it differs from now, as a layer."""
    labels = then.labels
    labels[labels == case.annotation.data] = 0
    choice = case.session.volume.choice
    layer = labels_like(case.image, choice, labels, "differences", "as it was then")
    sign(layer)
    layer.colormap, layer.editable = case.annotation.colormap, False
    active = case.viewer.layers.selection.active
    case.viewer.layers.append(layer)
    case.viewer.layers.selection.active = active


def _when(snapshot: Snapshot) -> str:
    try:
        return datetime.fromisoformat(snapshot.time).strftime("%Y-%m-%d %H:%M")
    except ValueError:  # written by hand
        return snapshot.time


def _say(error: Exception) -> None:
    show_error(str(error) if isinstance(error, Problem) else f"Cannot read it: {error}")
