"""The dialog that writes a case's segmentation for other programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from napari.qt.threading import create_worker
from napari.utils.notifications import show_error, show_info
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.export import (
    Segmentation,
    as_structures,
    beside,
    files_of,
    stem_of,
    structures_of,
    write_measures,
)
from napari_densify.cases.formats import write_volume
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label
from napari_densify.cases.spared import check_spares
from napari_densify.session.provenance import whole_provenance
from napari_densify.ui import command_line
from napari_densify.ui.case import CaseView
from napari_densify.ui.picked import source_of, sources_of

FORMATS = {
    "NIfTI (.nii.gz)": ".nii.gz",
    "NRRD (.nrrd)": ".nrrd",
    "3D Slicer segmentation (.seg.nrrd)": ".seg.nrrd",
    "MetaImage (.mha)": ".mha",
    "OME-Zarr with image and labels (.ome.zarr)": ".ome.zarr",
    "TIFF (.tif)": ".tif",
    "OME-TIFF (.ome.tif)": ".ome.tif",
    "DICOM-SEG (.dcm)": ".dcm",
    "Surfaces (.stl)": ".stl",
    "Surfaces with colours (.ply)": ".ply",
    "Volumes (.csv)": ".csv",
}


@dataclass(frozen=True, eq=False)
class Wish:
    """What shall be written of a case, and where."""

    path: Path
    segmentation: Segmentation
    labels: NDArray[np.uint8]
    """As the annotation has them."""
    painted: Annotation | None
    """Of which it is wanted where labels come from, too."""
    volumes: bool
    project: Path | None
    """Of which the probabilities are wanted, too."""


class ExportDialog(QDialog):
    """Asks for format, place and what goes along, then writes in a thread.

    Images that are open are never replaced, other files only if the user agrees.
    When its case is closed it closes too, but not before it has said what came of the writing; if
    it is closed itself meanwhile, the window says that.
    """

    written = Signal(list)

    def __init__(
        self, case: CaseView, classes: Callable[[], list[Label]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Export the segmentation")
        self.case, self.classes = case, classes
        self.source = source_of(case.image)
        self.format = QComboBox()
        self.format.addItems(list(FORMATS))
        self.path = QLineEdit(str(self._first_place()))
        self.path.setMinimumWidth(420)
        self.choose = QPushButton("Choose…")
        self.provenance = QCheckBox("Where each label comes from: you or the network")
        self.volumes = QCheckBox("The structures' volumes, as a table")
        self.probabilities = QCheckBox("Each class's probability")
        project = case.session.project
        able = project is not None and project.writable and self.source is not None
        self.probabilities.setEnabled(able)
        self.probabilities.setToolTip(
            "The network predicts everything again"
            if able
            else "Needs a project on disk and an image that was opened from a file"
        )
        self.said = QLabel()
        self.said.setWordWrap(True)
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.hide()
        self.buttons = QDialogButtonBox()
        self.export = self.buttons.addButton("Export", QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.addButton(QDialogButtonBox.StandardButton.Close)
        self._lay_out()
        self.format.currentTextChanged.connect(self._format_changed)
        self.choose.clicked.connect(self._choose)
        self.buttons.accepted.connect(self.start)
        self.buttons.rejected.connect(self.reject)
        self._over = False
        self._agreed: Path | None = None
        """The file that the user has just chosen: if there is one, the chooser has asked."""
        case.ended.connect(self._case_ended)

    def start(self) -> None:
        """Write what is asked for as it is now; the window goes on meanwhile."""
        self.said.clear()
        if not self._may_write():
            return
        self._agreed = None
        self.busy.show()
        self.export.setEnabled(False)
        worker = create_worker(_write, self._wish(), _ignore_errors=True)
        worker.returned.connect(self._done)
        worker.errored.connect(self._failed)
        worker.start()

    def done(self, result: int) -> None:
        """Close, however that is asked for, but wait out of sight for what is being written."""
        if self.busy.isHidden():
            super().done(result)
        else:
            self.hide()

    def closeEvent(self, event: QCloseEvent) -> None:
        """The same by the window's own button."""
        super().closeEvent(event)
        event.setAccepted(self.busy.isHidden())  # or it would be deleted

    def _may_write(self) -> bool:
        """Whether nothing is lost by it; images are not the user's to give away here."""
        try:
            files = self._files()
            check_spares(files, sources_of(self.case.viewer.layers))
            there = [file.name for file in files if file != self._agreed and file.exists()]
        except (Problem, OSError) as error:
            self._failed(error)
            return False
        if not there:
            return True
        names = " and ".join(filter(None, [", ".join(there[:-1]), there[-1]]))
        question = f"{names} {'exist; replace them?' if there[1:] else 'exists; replace it?'}"
        answer = QMessageBox.question(self, self.windowTitle(), question)
        # The case may have ended while the question stood there, and the dialog with it.
        return answer == QMessageBox.StandardButton.Yes and not self._over

    def _files(self) -> list[Path]:
        """All that would be written; of surfaces also those that will turn out empty."""
        path = Path(self.path.text())
        files = files_of(path, structures_of(self.classes()))
        if self.probabilities.isChecked():
            files.append(beside(path, "probabilities"))
        if self.provenance.isChecked():
            files.append(beside(path, "provenance"))
        if self.volumes.isChecked():
            files.append(_table_beside(path))
        return files

    def _case_ended(self) -> None:
        self._over = True
        if self.busy.isHidden():
            self.close()

    def _lay_out(self) -> None:
        place = QHBoxLayout()
        place.addWidget(self.path, 1)
        place.addWidget(self.choose)
        form = QFormLayout()
        form.addRow("Format", self.format)
        form.addRow("File", place)
        form.addRow("Also", self.provenance)
        form.addRow("", self.volumes)
        form.addRow("", self.probabilities)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.busy)
        layout.addWidget(self.said)
        layout.addWidget(self.buttons)

    def _first_place(self) -> Path:
        """Beside the image, or in the user's home folder if it came from no file."""
        name = self.case.image.name
        if self.source is not None:
            return self.source.with_name(f"{stem_of(self.source)}_seg.nii.gz")
        return Path.home() / f"{name}_seg.nii.gz"

    def _format_changed(self, text: str) -> None:
        path = Path(self.path.text())
        if path.name:
            self.path.setText(str(path.with_name(stem_of(path) + FORMATS[text])))

    def _choose(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Export to", self.path.text())
        if name:
            self.path.setText(name)
            self._agreed = Path(name)

    def _wish(self) -> Wish:
        session = self.case.session
        # As it is now: it goes on changing while it is written.
        labels = session.prediction.copy()
        painted = session.annotation if self.provenance.isChecked() else None
        segmentation = Segmentation(
            session.volume.like(as_structures(labels)),
            structures_of(self.classes()),
            session.volume,
            self.source,
        )
        project = session.project if self.probabilities.isChecked() else None
        return Wish(
            Path(self.path.text()),
            segmentation,
            labels,
            painted,
            self.volumes.isChecked(),
            project.path if project is not None else None,
        )

    def _done(self, written: list[Path]) -> None:
        names = ", ".join(file.name for file in written)
        show_info(f"Wrote {names} in {written[0].parent}.")
        self._over_with(f"Wrote {names}.")
        self.written.emit(written)

    def _failed(self, error: Exception) -> None:
        sentence = str(error) if isinstance(error, Problem) else f"Not written: {error}"
        if self.isHidden():
            show_error(sentence)
        self._over_with(sentence)

    def _over_with(self, sentence: str) -> None:
        self.busy.hide()
        self.export.setEnabled(not self._over)
        self.said.setText(sentence)
        if self.isHidden():
            self.deleteLater()


def _write(wish: Wish) -> list[Path]:
    """Write everything that is asked for; called in a thread."""
    written = []
    if wish.project is not None:
        written.append(_write_probabilities(wish.project, wish))
    written = [*wish.segmentation.write(wish.path), *written]
    if wish.painted is not None:
        file = beside(wish.path, "provenance")
        whence, names = whole_provenance(wish.painted, wish.labels)
        labels, image = wish.segmentation.labels, wish.segmentation.image
        write_volume(file, labels.like(whence), names, image)
        written.append(file)
    if wish.volumes:
        file = _table_beside(wish.path)
        write_measures(file, wish.segmentation.measures(stem_of(wish.path)))
        written.append(file)
    return written


def _table_beside(path: Path) -> Path:
    return path.with_name(f"{stem_of(path)}_volumes.csv")


def _write_probabilities(project: Path, wish: Wish) -> Path:
    image = wish.segmentation.source
    command_line.run("export", project, "--out", wish.path, "--image", image, "--probabilities")
    return beside(wish.path, "probabilities")
