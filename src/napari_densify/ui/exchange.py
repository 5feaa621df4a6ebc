"""What comes from elsewhere and goes there: models, and labels drawn in another program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from napari.qt.threading import create_worker
from napari.utils.notifications import show_error, show_info
from numpy.typing import NDArray
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_densify.cases.edit import Edit
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.formats.segments import read_segments
from napari_densify.cases.imported import as_annotation
from napari_densify.cases.model import SUFFIX, ModelCard, read_model
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label
from napari_densify.cases.volume import Volume
from napari_densify.session.link import Settings
from napari_densify.session.session import Session
from napari_densify.ui import command_line
from napari_densify.ui.case import CaseView
from napari_densify.ui.classes import ClassRow, ClassTable
from napari_densify.ui.strokes import Step, step_of


class Exchange(QObject):
    """Takes in models and labels for a dock, and lets models go.

    Parameters
    ----------
    classes : ClassTable
        Gets the classes that come along.
    asks : QWidget
        Over which the dialogs open.
    """

    def __init__(self, classes: ClassTable, asks: QWidget) -> None:
        super().__init__(asks)
        self._classes, self._asks = classes, asks
        self._case: CaseView | None = None
        self._model: tuple[Path, ModelCard, bytes] | None = None

    def follow(self, case: CaseView | None) -> None:
        """Take labels into a running case from now on; a model serves the first one only."""
        self._case = case
        if case is not None:
            self._model = None

    def ask_for_model(self) -> None:
        """Let the next new project begin with a model file."""
        name, _ = QFileDialog.getOpenFileName(
            self._asks, "Start from a model", "", f"Models (*{SUFFIX})"
        )
        if name:
            self.start_from(Path(name))

    def start_from(self, path: Path) -> None:
        """Let the next new project begin with a model file; its classes are shown at once."""
        try:
            card, weights = read_model(path)
        except Problem as problem:
            show_error(str(problem))
            return
        self._model = path, card, weights
        self._classes.setValue([ClassRow.of(row) for row in card.classes])
        show_info(f"The next image that you annotate begins with {path.name}.")

    def begin(
        self, settings: Settings, volume: Volume, project: ProjectFolder | None
    ) -> tuple[Settings, bytes | None]:
        """Settings and weights that a session begins with; a project goes on with its own.

        Raises
        ------
        Problem
            If the model cannot take the image.
        """
        if self._model is None:
            return settings, None
        path, card, weights = self._model
        if project is not None and (project.exists or project.home != project.path):
            project.notes.append(
                f"{project.home.name} is there already and goes on with its own network, without "
                f"{path.name}; choose the model again before you annotate an image that has no "
                "project."
            )
            return settings, None
        card.check_image(volume)
        return replace(settings, widths=card.widths, voxels=card.voxels), weights

    def ask_where_to_save(self) -> None:
        """Write the running case's network to a file, for another project or another program."""
        project = self._case.session.project if self._case is not None else None
        if project is None:
            show_info("There is no project on disk that could hold a trained model.")
            return
        start = project.home.with_suffix(SUFFIX)
        name, _ = QFileDialog.getSaveFileName(
            self._asks,
            "Save the model (for ONNX NAME.onnx, for the BioImage Model Zoo NAME.zip)",
            str(start),
            f"Models (*{SUFFIX} *.onnx *.zip)",
        )
        if name:
            self.save_model(project.home, Path(name))

    def save_model(self, project: Path, path: Path) -> None:
        """Write a project's newest network to a file; the window goes on meanwhile."""
        show_info(f"Writing {path.name} …")
        worker = create_worker(
            command_line.run, "model", project, "--out", path, _ignore_errors=True
        )
        worker.returned.connect(lambda _: show_info(f"Wrote {path.name} in {path.parent}."))
        worker.errored.connect(lambda error: show_error(str(error)))
        worker.start()

    def ask_for_labels(self) -> None:
        """Take a file of labels into the running case."""
        name, _ = QFileDialog.getOpenFileName(self._asks, "Import labels")
        if not name:
            return
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self._asks,
            "Import labels",
            "Is what has no label in the file background? No leaves it not annotated.",
            buttons.Yes | buttons.No | buttons.Cancel,
        )
        if answer != buttons.Cancel:
            self.take_labels(Path(name), complete=answer == buttons.Yes)

    def take_labels(self, path: Path, complete: bool = False) -> None:
        """Take a file of labels into the running case, as one edit; read in a thread."""
        case = self._case
        if case is None:
            return
        if case.session.busy:
            show_error("Labels are being taken in already; choose these once that is done.")
            return
        rows = [row.keep() for row in self._classes.value()]
        read: Callable[[], tuple[NDArray[np.uint8], list[Label]]] = partial(
            _read, path, case.session.volume, rows, complete, set(case.session.orders.folded)
        )

        def taken(result: tuple[NDArray[np.uint8], list[Label]]) -> None:
            if case is not self._case:
                return
            same = rows == [row.keep() for row in self._classes.value()]
            if same and not case.session.busy:
                self._taken(case, *result)
            else:  # other classes are meant by names and numbers since
                self.take_labels(path, complete)

        worker = create_worker(
            read, _ignore_errors=True, _progress={"desc": f"Reading {path.name}"}
        )
        worker.returned.connect(taken)
        worker.errored.connect(self._failed)
        worker.start()

    def _taken(self, case: CaseView, labels: NDArray[np.uint8], rows: list[Label]) -> None:
        self._classes.setValue([ClassRow.of(row) for row in rows])
        case.set_classes(self._classes.value())

        def painted(result: tuple[Edit, Step] | None) -> None:
            case.hold(False)
            if result is None:
                show_info("Everything in the file is annotated like that already.")
                return
            if not case.closed:
                case.show_taken_in(*result)
            show_info(f"Took {result[0].where.size:,} voxels; undo takes them back.")

        def failed(error: Exception) -> None:
            case.hold(False)
            self._failed(error)

        case.hold(True)
        worker = create_worker(
            _paint,
            *(case.session, case.annotation.data, labels),
            _ignore_errors=True,
            _progress={"desc": "Taking in the labels"},
        )
        worker.returned.connect(painted)
        worker.errored.connect(failed)
        worker.start()

    def _failed(self, error: Exception) -> None:
        show_error(str(error) if isinstance(error, Problem) else f"Cannot read the labels: {error}")


def _paint(
    session: Session, shown: NDArray[np.uint8], labels: NDArray[np.uint8]
) -> tuple[Edit, Step] | None:
    """Paint labels in a thread: in the session, which is busy then, and in the layer's array."""
    where = np.flatnonzero(labels)
    edit = session.plan(where, labels.reshape(-1)[where])
    if edit is None:
        return None
    session.enter(edit)
    shown.reshape(-1)[edit.where] = edit.after["label"]
    edit.box(session.volume.shape)  # whoever hears of it wants to know, and is not to wait
    return edit, step_of(edit, session.volume.shape)


def _read(
    path: Path, volume: Volume, rows: list[Label], complete: bool, spared: set[int]
) -> tuple[NDArray[np.uint8], list[Label]]:
    return as_annotation(*read_segments(path), volume, rows, complete, spared)
