"""Where a project is kept, and what can be done with it as a whole."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from napari.settings import get_settings
from napari.utils.notifications import show_info
from npe2 import PluginManager
from qtpy.QtCore import Qt, QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QMenu,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.formats import medical
from napari_densify.cases.log import log_file
from napari_densify.cases.project import SUFFIX
from napari_densify.cases.snapshot import Snapshot
from napari_densify.ui.case import CaseView
from napari_densify.ui.snapshots import SnapshotsDialog, restore, show_differences

ENDINGS = (*medical.SUFFIXES, ".dcm", ".dicom", ".ome.tif", ".ome.tiff")
"""Of images whose place in the world napari's own reader does not know."""


class ProjectBar(QWidget):
    """Shows a project's place and the log's; a menu opens, moves and keeps versions of it."""

    openRequested = Signal(Path)
    closeRequested = Signal()
    exportRequested = Signal()
    modelRequested = Signal()
    saveModelRequested = Signal()
    labelsRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._case: CaseView | None = None
        self.place = QElidingLabel("")
        self.place.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.log = QElidingLabel(f"Log: {log_file()}")
        self.log.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.log.setToolTip(f"What went wrong is written down in {log_file()}")
        for label in (self.place, self.log):  # a long path must not widen the dock
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.menu = QMenu(self)
        self.open = self.menu.addAction("Open…", self._open)
        self.save_as = self.menu.addAction("Save as…", self._save_as)
        self.close_case = self.menu.addAction("Close", self.closeRequested)
        self.menu.addSeparator()
        self.snapshot = self.menu.addAction("Take a snapshot…", self._take_snapshot)
        self.snapshots = self.menu.addAction("Snapshots…", self._show_snapshots)
        self.menu.addSeparator()
        self.model = self.menu.addAction("Start from a model…", self.modelRequested)
        self.labels = self.menu.addAction("Import labels…", self.labelsRequested)
        self.export = self.menu.addAction("Export…", self.exportRequested)
        self.save_model = self.menu.addAction("Save the model…", self.saveModelRequested)
        self.menu.addSeparator()
        self.show_log = self.menu.addAction("Show the log", _show_log)
        self.button = QPushButton("Project")
        self.button.setToolTip(
            "Open or close a project, give it another place, keep a version of it, or export it"
        )
        self.button.setMenu(self.menu)
        row = QHBoxLayout()
        row.addWidget(self.place, 1)
        row.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.log)
        self.dialog: SnapshotsDialog | None = None
        self.follow(None)

    def follow(self, case: CaseView | None) -> None:
        """Serve the project of a running case; None: of none."""
        if self._case is not None:
            self._case.session.moved.disconnect(self._moved)
            self._case.session.snapshot_taken.disconnect(self._taken)
        self._case = case
        if self.dialog is not None:
            self.dialog.close()
        project = case.session.project if case else None
        ours = project is not None and not project.read_only
        for action in (self.save_as, self.snapshot):
            action.setEnabled(ours)
        self.snapshots.setEnabled(project is not None)
        self.close_case.setEnabled(case is not None)
        self.export.setEnabled(case is not None)
        self.save_model.setEnabled(project is not None)
        self.model.setEnabled(case is None)
        self.labels.setEnabled(case is not None and not case.session.read_only)
        if case is not None:
            case.session.moved.connect(self._moved)
            case.session.snapshot_taken.connect(self._taken)
            self._say_place(project)

    def _say_place(self, project: ProjectFolder | None) -> None:
        if project is None:
            self.place.setText("Not kept on disk.")
        else:
            kept = "Read-only" if project.read_only else "Kept in"
            self.place.setText(f"{kept} {project.path.name}")
        self.place.setToolTip(str(project.path) if project else "")

    def _open(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, f"Open a project (NAME{SUFFIX})")
        if folder:
            self.openRequested.emit(Path(folder))

    def _save_as(self) -> None:
        if self._case is None or self._case.session.project is None:
            return
        start = str(self._case.session.project.home)  # its further cases go along
        name, _ = QFileDialog.getSaveFileName(
            self, "Give the project another name or place", start, f"Projects (*{SUFFIX})"
        )
        if name:
            target = Path(name)
            if target.suffix != SUFFIX:
                target = target.with_name(target.name + SUFFIX)
            self._case.session.keeping.move(target)

    def _moved(self, path: Path) -> None:
        if self._case is not None:
            self._say_place(self._case.session.project)
            show_info(f"The project lies in {path} now.")

    def _take_snapshot(self) -> None:
        name, taken = QInputDialog.getText(self, "Take a snapshot", "What to call it:")
        if self._case is not None and taken and name.strip():
            self._case.session.keeping.take_snapshot(name.strip())

    def _taken(self, snapshot: Snapshot) -> None:
        show_info(f"Kept {snapshot.voxels:,} painted voxels as “{snapshot.name}”.")
        if self.dialog is not None:
            self.dialog.fill()

    def _show_snapshots(self) -> None:
        case = self._case
        if case is None or case.session.project is None:
            return
        if self.dialog is not None:
            self.dialog.close()
        self.dialog = SnapshotsDialog(case.session.project, case.name_of, self)
        self.dialog.restoreRequested.connect(partial(restore, case))
        self.dialog.compared.connect(partial(show_differences, case))
        self.dialog.show()


def claim_endings() -> None:
    """Let napari open projects, and images that it would open without geometry, with our readers.

    napari's own reader takes every folder and these endings too, so it would ask which of the two
    is meant, each time. Where another plugin reads them it may well ask.
    """
    plugins = get_settings().plugins
    claimed = {f"*{SUFFIX}/": "napari-densify"}
    manager = PluginManager.instance()
    for ending in ENDINGS:
        readers = {r.command.split(".")[0] for r in manager.iter_compatible_readers(f"x{ending}")}
        if readers <= {"napari", "napari-densify"}:
            claimed[f"*{ending}"] = "napari-densify"
    new = {key: value for key, value in claimed.items() if key not in plugins.extension2reader}
    if new:
        plugins.extension2reader = {**plugins.extension2reader, **new}


def ask_for_image(parent: QWidget, sentence: str) -> Path | None:
    """Ask where a project's image is now; None if the user does not know either."""
    question = QMessageBox(parent)
    question.setWindowTitle("Where is the image?")
    question.setText(sentence)
    file = question.addButton("Choose a file…", QMessageBox.ButtonRole.AcceptRole)
    folder = question.addButton("Choose a folder…", QMessageBox.ButtonRole.AcceptRole)
    question.addButton(QMessageBox.StandardButton.Cancel)
    question.exec()
    chosen = ""
    if question.clickedButton() is file:
        chosen, _ = QFileDialog.getOpenFileName(parent, "The project's image")
    elif question.clickedButton() is folder:
        chosen = QFileDialog.getExistingDirectory(parent, "The project's image")
    return Path(chosen) if chosen else None


def _show_log() -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(log_file().parent)))
