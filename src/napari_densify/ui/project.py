"""Where a project is kept, and what can be done with it as a whole."""

from __future__ import annotations

from pathlib import Path

from napari.settings import get_settings
from qtpy.QtCore import Qt, QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QMenu,
    QMessageBox,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.log import log_file
from napari_densify.cases.project import SUFFIX


class ProjectBar(QWidget):
    """Shows a project's place and the log's; a menu opens, moves and keeps versions of it."""

    openRequested = Signal(Path)
    moveRequested = Signal(Path)
    snapshotRequested = Signal(str)
    snapshotsRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
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
        self.menu.addSeparator()
        self.snapshot = self.menu.addAction("Take a snapshot…", self._take_snapshot)
        self.snapshots = self.menu.addAction("Snapshots…", self.snapshotsRequested.emit)
        self.menu.addSeparator()
        self.menu.addAction("Show the log", _show_log)
        self.button = QToolButton()
        self.button.setText("Project")
        self.button.setToolTip("Open a project, give it another place, or keep a version of it")
        self.button.setMenu(self.menu)
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        row = QHBoxLayout()
        row.addWidget(self.place, 1)
        row.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.log)
        self.setValue(None)

    def setValue(self, project: ProjectFolder | None, running: bool = False) -> None:
        """Show a project's place; `running` while it is worked on."""
        self._project = project
        if project is None:
            self.place.setText("Not kept on disk." if running else "")
        else:
            kept = "Read-only" if project.read_only else "Kept in"
            self.place.setText(f"{kept} {project.path.name}")
        self.place.setToolTip(str(project.path) if project else "")
        ours = running and project is not None and not project.read_only
        self.save_as.setEnabled(ours)
        self.snapshot.setEnabled(ours)
        self.snapshots.setEnabled(running and project is not None)

    def _open(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, f"Open a project (NAME{SUFFIX})")
        if folder:
            self.openRequested.emit(Path(folder))

    def _save_as(self) -> None:
        if self._project is None:
            return
        start = str(self._project.path)
        name, _ = QFileDialog.getSaveFileName(
            self, "Give the project another name or place", start, f"Projects (*{SUFFIX})"
        )
        if name:
            target = Path(name)
            self.moveRequested.emit(
                target if target.suffix == SUFFIX else target.with_name(target.name + SUFFIX)
            )

    def _take_snapshot(self) -> None:
        name, taken = QInputDialog.getText(self, "Take a snapshot", "What to call it:")
        if taken and name.strip():
            self.snapshotRequested.emit(name.strip())


def claim_ending() -> None:
    """Let napari open projects with our reader.

    napari's own takes every folder, so it would ask which of the two is meant, each time.
    """
    plugins = get_settings().plugins
    pattern = f"*{SUFFIX}/"
    if pattern not in plugins.extension2reader:
        plugins.extension2reader = {**plugins.extension2reader, pattern: "napari-densify"}


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
