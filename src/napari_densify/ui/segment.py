"""The main dock: pick an image, paint, watch it learn."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox
from napari.layers import Image
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QLabeledDoubleSlider

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.log import start_log
from napari_densify.cases.place import place_for
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label
from napari_densify.cases.volume import Volume
from napari_densify.session.news import Status
from napari_densify.session.process import WorkerProcess
from napari_densify.session.session import OpenWorker, Session
from napari_densify.session.worker import Settings
from napari_densify.ui.case import CaseView
from napari_densify.ui.classes import ClassRow, ClassTable, palette
from napari_densify.ui.frames import Frames, show_frame
from napari_densify.ui.inputs import InputPicker
from napari_densify.ui.next import NextPanel
from napari_densify.ui.opening import Found, Opening, Place
from napari_densify.ui.overlays import OverlayBoxes
from napari_densify.ui.planes import PlaneButtons, orientation_of, set_orientation
from napari_densify.ui.progress import ProgressPanel
from napari_densify.ui.project import ProjectBar, ask_for_image, claim_ending
from napari_densify.ui.review import CheckPanel
from napari_densify.ui.slices import SliceButtons
from napari_densify.ui.view import show_view
from napari_densify.ui.volumes import VolumesPanel

if TYPE_CHECKING:
    import napari.viewer

log = logging.getLogger(__name__)

STRONGEST = 1.5
"""Upper end of the slider for the strength of corrections."""


class SegmentWidget(QWidget):
    """Paint a few slices of a volume; a 3-D U-Net learns from them and fills in the rest.

    Parameters
    ----------
    viewer : napari.Viewer
    open_worker : callable
        Where the learner lives; a process of its own on this machine.
    settings : Settings, optional
    place : callable
        Where the project of a volume is kept; None keeps nothing.
    """

    caseOpened = Signal(object)
    caseClosed = Signal(str)

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        open_worker: OpenWorker = WorkerProcess,
        settings: Settings | None = None,
        place: Place = place_for,
    ) -> None:
        super().__init__()
        self.viewer = viewer
        self.case: CaseView | None = None
        self._open_worker = open_worker
        self._settings = settings or Settings()
        self._docked = False
        self.opening = Opening(viewer, self._begin, place, partial(ask_for_image, self), self)
        start_log()
        claim_ending()

        self.image = ComboBox(choices=self._images, nullable=False)
        self.annotate = QPushButton("Annotate")
        self.annotate.setToolTip("Make a layer to paint on; learning starts with the second class")
        self.inputs = InputPicker(viewer)
        self.frames = Frames(viewer, self)
        self.classes = ClassTable()
        self.planes = PlaneButtons()
        self.slices = SliceButtons()
        self.train = QPushButton("Pause")
        self.train.setToolTip("Pause or go on learning")
        self.reset = QPushButton("Forget")
        self.reset.setToolTip("Start learning from zero; what you painted stays")
        self.strength = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self.strength.setRange(0, STRONGEST)
        self.strength.setValue(self._settings.strength)
        self.strength.setToolTip("How much more your corrections count than your first slices")
        self.overlays = OverlayBoxes()
        self.progress = ProgressPanel()
        self.next = NextPanel()
        self.volumes = VolumesPanel()
        self.check = CheckPanel()
        self.project = ProjectBar()
        self._lay_out()
        self._connect()
        self._refresh_choices()
        self._set_running(False)

    def start(self) -> None:
        """Begin on the chosen image: read it, make the layers, start the worker."""
        try:
            picked = self.inputs.value()
        except Problem as problem:
            show_error(str(problem))
            return
        self._wait_for(f"“{picked.layer.name}”")
        self.opening.annotate(picked, self._labels())

    def open_project(self, path: Path) -> None:
        """Go on with a project; the case before is closed, and nothing of it is lost."""
        if self.case is not None:
            self.case.close()
        self._wait_for(path.name)
        self.opening.open(path)

    def close_case(self, why: str = "") -> None:
        """End the session on the present image; layers stay."""
        if self.case is not None:
            self.case.close(why)

    def event(self, event: QEvent) -> bool:
        """Closing the dock takes this widget out of it: end the session then."""
        if event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._docked = True
            elif self._docked:
                self.close_case()
        return super().event(event)

    def _lay_out(self) -> None:
        choose = QHBoxLayout()
        choose.addWidget(self.image.native, 1)
        choose.addWidget(self.annotate)
        run = QHBoxLayout()
        run.addWidget(self.train)
        run.addWidget(self.reset)
        form = QFormLayout()
        form.addRow("strength of corrections", self.strength)
        form.addRow("show", self.overlays)
        layout = QVBoxLayout(self)
        layout.addLayout(choose)
        layout.addWidget(self.inputs)
        layout.addWidget(self.classes)
        layout.addWidget(self.planes)
        layout.addWidget(self.slices)
        layout.addLayout(run)
        layout.addLayout(form)
        layout.addWidget(self.progress)
        layout.addWidget(self.next)
        layout.addWidget(self.volumes)
        layout.addWidget(self.check)
        layout.addWidget(self.project)
        layout.addStretch()

    def _connect(self) -> None:
        layers = self.viewer.layers.events
        for event in (layers.inserted, layers.removed, layers.reordered):
            event.connect(self._refresh_choices)
        for layer in self.viewer.layers:
            layer.events.name.connect(self._refresh_choices)
        layers.inserted.connect(self._follow_name)
        self.image.changed.connect(self.inputs.setLayer)
        self.annotate.clicked.connect(self.start)
        self.train.clicked.connect(self._toggle_training)
        self.reset.clicked.connect(self._forget)
        self.classes.valueChanged.connect(self._classes_changed)
        self.classes.picked.connect(self._class_picked)
        self.classes.removeRequested.connect(self._remove_class)
        self.planes.valueChanged.connect(partial(set_orientation, self.viewer))
        self.viewer.dims.events.order.connect(self._turned)
        self.planes.orthogonalToggled.connect(self._show_orthogonal)
        self.planes.obliqueToggled.connect(self._show_oblique)
        self.strength.sliderReleased.connect(self._strength_changed)
        self.opening.found.connect(self._open)
        self.opening.failed.connect(self._not_readable)
        self.project.openRequested.connect(self.open_project)
        # The window may be closed with the dock in it: then only this tells.
        self.destroyed.connect(partial(_end_case, self.__dict__))

    def _images(self, _: Any = None) -> list[tuple[str, Image]]:
        return [(layer.name, layer) for layer in self.viewer.layers if isinstance(layer, Image)]

    def _refresh_choices(self, event: Any = None) -> None:
        self.image.reset_choices()
        self.inputs.setLayer(self.image.value)

    def _follow_name(self, event: Any) -> None:
        event.value.events.name.connect(self._refresh_choices)

    def _turned(self, event: Any) -> None:
        if self.viewer.dims.ndim >= 3:
            self.planes.mark(orientation_of(self.viewer))

    def _labels(self) -> list[Label]:
        rows = self.classes.value()
        return [Label(label=r.label, name=r.name, colour=r.colour) for r in rows]

    def _wait_for(self, name: str) -> None:
        self.annotate.setEnabled(False)
        self.project.button.setEnabled(False)
        self.progress.phase.setText(f"Reading {name} …")

    def _begin(self, volume: Volume, project: ProjectFolder | None) -> Session:
        """The session of a volume and what its project holds; called in a thread of its own."""
        return Session(volume, (), self._settings, self._open_worker, project=project)

    def _open(self, found: Found) -> None:
        session, project, layer = found.session, found.session.project, found.layer
        self._refresh_choices()
        self.image.value = layer
        if project is not None and (project.exists or found.from_project):
            kept = project.description.classes
            self.classes.setValue(
                [ClassRow(c.label, c.name, c.colour or palette(c.label)) for c in kept]
            )
        rows = self.classes.value()
        session.require(row.label for row in rows)
        case = self.case = CaseView(self.viewer, layer, session, rows, found.view)
        session.status_changed.connect(self._status_changed)
        session.edited.connect(self._edited)
        session.worker_lost.connect(self._worker_lost)
        session.noticed.connect(show_warning)
        session.scored.connect(self.progress.addScore)
        case.classPicked.connect(self.classes.pick)
        self.slices.requested.connect(case.act)
        case.ended.connect(self._case_ended)
        case.obliqueToggled.connect(self.planes.oblique.setChecked)
        for panel in (self.project, self.overlays, self.next, self.volumes, self.check):
            panel.follow(case, self._name_of)
        self._say_notes(project, found.notes)
        self.progress.setPast(session.past)
        if found.view is not None and found.from_project:
            show_view(self.viewer, found.view)
            self.planes.mark(orientation_of(self.viewer))
            case.pick(found.view.label)
        show_frame(self.viewer, layer, session.volume.choice)
        self.classes.pick(case.annotation.selected_label)
        self.strength.setValue(session.settings.strength)
        self._set_running(True)
        if session.read_only:
            for widget in (self.train, self.reset, self.slices):
                widget.setEnabled(False)
            self.progress.phase.setText("Read-only: what another window learns is not shown here.")
        self._edited(None)
        case.start()
        self._say_training()
        self.caseOpened.emit(case)

    def _say_notes(self, project: ProjectFolder | None, notes: list[str]) -> None:
        notes = [*notes, *(project.notes if project else ())]
        if project is not None and project.read_only:
            notes.append(f"{project.path.name} {project.holder}; it is shown read-only.")
        for note in notes:
            log.warning("%s", note)
            show_warning(note)

    def _name_of(self, label: int) -> str:
        names = {row.label: row.name for row in self.classes.value()}
        return names.get(label, f"class {label}")

    def _not_readable(self, error: Exception) -> None:
        log.warning("%s", error)
        sentence = str(error) if isinstance(error, Problem) else f"Cannot read the image: {error}"
        self.progress.phase.setText(sentence)
        self._set_running(False)
        show_error(sentence)

    def _case_ended(self, why: str) -> None:
        case, self.case = self.case, None
        if case is None:
            return
        case.session.status_changed.disconnect(self._status_changed)
        case.session.edited.disconnect(self._edited)
        case.session.worker_lost.disconnect(self._worker_lost)
        case.session.noticed.disconnect(show_warning)
        case.session.scored.disconnect(self.progress.addScore)
        self.slices.requested.disconnect(case.act)
        self.opening.ending = case.loop
        for panel in (self.project, self.overlays, self.next, self.volumes, self.check):
            panel.follow(None)
        self.progress.finish(why or "Stopped.")
        self._set_running(False)
        if why:
            show_info(why)
        self.caseClosed.emit(why)

    def _set_running(self, running: bool) -> None:
        self.annotate.setEnabled(not running)
        self.image.enabled = not running
        self.inputs.setEnabled(not running)
        self.project.button.setEnabled(True)
        for widget in (self.train, self.reset, self.overlays, self.slices):
            widget.setEnabled(running)
        self.train.setText("Pause")

    def _toggle_training(self) -> None:
        if self.case is not None:
            self.case.train(not self.case.session.training)
            self._say_training()

    def _say_training(self) -> None:
        if self.case is not None and not self.case.session.read_only:
            self.train.setText("Pause" if self.case.session.training else "Train")

    def _forget(self) -> None:
        if self.case is not None:
            self.case.session.reset()
            self.progress.clear()

    def _status_changed(self, status: Status) -> None:
        self.progress.setValue(status)

    def _edited(self, edit: Any) -> None:
        if self.case is not None:
            self.progress.setRound(self.case.session.annotation.round)
            self.classes.require(self.case.session.annotation.classes)
            counts = self.case.session.annotation.counts.sum(axis=(1, 2))
            self.classes.setCounts(
                {row.label: int(counts[row.label]) for row in self.classes.value()}
            )

    def _worker_lost(self, reason: str) -> None:
        show_warning("The worker process died; another one goes on from the last saved state.")

    def _classes_changed(self, rows: list[ClassRow]) -> None:
        if self.case is not None:
            self.case.set_classes(rows)
            self._edited(None)

    def _class_picked(self, label: int) -> None:
        if self.case is not None:
            self.case.pick(label)

    def _remove_class(self, label: int) -> None:
        case = self.case
        painted = int(case.session.annotation.counts[label].sum()) if case else 0
        if case and painted:
            question = f"Remove this class and erase its {painted:,} painted voxels?"
            answer = QMessageBox.question(self, "Remove class", question)
            if answer != QMessageBox.StandardButton.Yes:
                return
            case.erase_class(label)
        self.classes.remove(label)

    def _show_orthogonal(self, on: bool) -> None:
        if self.case is not None:
            self.case.show_orthogonal(on)

    def _show_oblique(self, on: bool) -> None:
        if self.case is not None:
            self.case.show_oblique(on)

    def _strength_changed(self) -> None:
        self._settings = replace(self._settings, strength=self.strength.value())
        if self.case is not None:
            self.case.session.set_strength(self.strength.value())
            self.case.weights.show(self.case.weights.shown)


def _end_case(widget: dict[str, Any], _: Any = None) -> None:
    """End the case of a widget that Qt has already destroyed; only its attributes are left."""
    case = widget.get("case")
    if case is not None:
        case.loop.stop()
