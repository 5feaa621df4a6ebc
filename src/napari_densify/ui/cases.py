"""The cases of a project: a list of them, and the way to the next one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pint
from napari.layers import Image
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from napari_densify.cases.summary import CaseEntry, list_cases, summarise
from napari_densify.session.session import Session
from napari_densify.ui.panel import LivePanel
from napari_densify.ui.picked import ROLE
from napari_densify.ui.volumes import volume_text

if TYPE_CHECKING:
    from napari_densify.ui.case import CaseView

MARKS = {"": "in work", "checked": "checked", "done": "done"}
"""What the user may say of the open case, in words."""
EVERY_MS = 2000
"""How long news are gathered before the list is made again."""


class CasesPanel(LivePanel):
    """Lists the cases of the open project; a double click goes to one of them."""

    caseRequested = Signal(Path)
    nextRequested = Signal(object)
    """The image layer that is to become the next case, or the path of a file."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Cases", EVERY_MS, parent)
        self.list = QTreeWidget()
        self.list.setHeaderLabels(["case", "state", "painted", "checked", "volumes"])
        self.list.setRootIsDecorated(False)
        self.list.setFixedHeight(110)
        self.list.setToolTip("Double-click a case to go on with it")
        self.list.itemDoubleClicked.connect(self._go)
        self.mark = QComboBox()
        for mark, words in MARKS.items():
            self.mark.addItem(words, mark)
        self.mark.setToolTip("How far the open case is, in the list of cases")
        self.mark.activated.connect(self._marked)
        self.next = QPushButton("Next case…")
        self.next.setToolTip(
            "Go on with another image: the network predicts it at once, and what you correct there "
            "it learns together with all other cases"
        )
        self.menu = QMenu(self)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.next.setMenu(self.menu)
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.mark)
        layout.addStretch()
        layout.addWidget(self.next)
        self.addWidget(self.list)
        self.addWidget(row)
        self.follow(None)

    def follow(self, case: CaseView | None) -> None:
        """List the cases of a running case's project; None: nothing."""
        super().follow(case)
        project = case.session.project if case is not None else None
        ours = project is not None and not project.read_only
        self.mark.setEnabled(ours)
        self.next.setEnabled(ours)
        self.list.clear()
        if case is not None:
            self.mark.setCurrentIndex(self.mark.findData(case.session.keeping.mark))

    def look(self, session: Session) -> list[CaseEntry]:
        """The cases, the open one as it is now; called in a thread."""
        project = session.project
        if project is None or not project.exists:
            return []
        now = summarise(session.annotation, session.prediction, session.keeping.mark)
        checked = session.checked.share(session.volume.shape)
        return [
            replace(entry, summary=now, checked=checked) if entry.folder == project.path else entry
            for entry in list_cases(project.home)
        ]

    def setValue(self, seen: list[CaseEntry]) -> None:
        """Show these cases."""
        self.list.clear()
        for entry in seen:
            self._add(entry)
        for column in range(self.list.columnCount()):
            self.list.resizeColumnToContents(column)

    def value(self) -> list[tuple[str, ...]]:
        """What is listed, row by row."""
        rows = (self.list.topLevelItem(i) for i in range(self.list.topLevelItemCount()))
        columns = range(self.list.columnCount())
        return [tuple(row.text(column) for column in columns) for row in rows]

    def _add(self, entry: CaseEntry) -> None:
        if self.case is None:
            return
        z, y, x = entry.voxels.spacing
        # Older projects did not keep the unit.
        unit, summary = entry.voxels.unit or str(self.case.image.units[-1]), entry.summary
        volumes = ", ".join(
            f"{self.name_of(label)} {volume_text(voxels * z * y * x, pint.Unit(unit))}"
            for label, voxels in summary.volumes.items()
        )
        progress = [f"{summary.painted:,}", f"{entry.checked:.0%}"]
        row = QTreeWidgetItem([entry.name, summary.state, *progress, volumes])
        row.setData(0, Qt.ItemDataRole.UserRole, entry.folder)
        font = row.font(0)
        font.setBold(entry.folder == self._open_folder())
        row.setFont(0, font)
        self.list.addTopLevelItem(row)

    def _open_folder(self) -> Path | None:
        project = self.case.session.project if self.case is not None else None
        return project.path if project is not None else None

    def _go(self, row: QTreeWidgetItem) -> None:
        folder = row.data(0, Qt.ItemDataRole.UserRole)
        if folder != self._open_folder():
            self.caseRequested.emit(folder)

    def _marked(self) -> None:
        if self.case is not None:
            self.case.session.keeping.say(self.mark.currentData())
            self._changed()

    def _fill_menu(self) -> None:
        """The images that are open, and the way to others."""
        self.menu.clear()
        if self.case is None:
            return
        case = self.case
        for layer in case.viewer.layers:
            # Another frame of a time series is another case.
            other = layer is not case.image or case.session.volume.choice.in_time
            if isinstance(layer, Image) and ROLE not in layer.metadata and other:
                self.menu.addAction(layer.name, lambda of=layer: self.nextRequested.emit(of))
        self.menu.addSeparator()
        self.menu.addAction("From a file…", self._choose_file)

    def _choose_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "The next case's image")
        if name:
            self.nextRequested.emit(Path(name))
