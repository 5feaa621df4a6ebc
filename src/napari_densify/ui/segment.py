"""The main dock: pick an image, paint, watch it learn."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.log import start_log
from napari_densify.cases.place import place_for
from napari_densify.cases.problem import Problem
from napari_densify.cases.volume import Volume
from napari_densify.session.link import OpenWorker, Settings
from napari_densify.session.news import OtherCase
from napari_densify.session.process import WorkerProcess
from napari_densify.session.session import Session
from napari_densify.ui.case import CaseView
from napari_densify.ui.case_layers import CaseLayers
from napari_densify.ui.cases import CasesPanel
from napari_densify.ui.choosing import ImageChoice
from napari_densify.ui.class_surgery import ClassSurgery
from napari_densify.ui.classes import ClassRow, ClassTable
from napari_densify.ui.docked import DockedWidget
from napari_densify.ui.exchange import Exchange
from napari_densify.ui.export import ExportDialog
from napari_densify.ui.finding import Place
from napari_densify.ui.frames import Frames, show_frame
from napari_densify.ui.hint import FirstHint
from napari_densify.ui.keys import bind_class_keys, bind_keys
from napari_densify.ui.learning import LearningBar
from napari_densify.ui.next import NextPanel
from napari_densify.ui.opening import Found, Opening
from napari_densify.ui.overlays import OverlayBoxes
from napari_densify.ui.panel import Part
from napari_densify.ui.picked import FILES, Picked, like_project, sources_of
from napari_densify.ui.plane_buttons import PlaneButtons
from napari_densify.ui.progress import ProgressPanel
from napari_densify.ui.project import ProjectBar, ask_for_image, claim_endings
from napari_densify.ui.review import CheckPanel
from napari_densify.ui.section import Column, Section
from napari_densify.ui.slices import SliceButtons
from napari_densify.ui.view import show_middle, show_view
from napari_densify.ui.volumes import VolumesPanel

if TYPE_CHECKING:
    import napari.viewer

log = logging.getLogger(__name__)

CLOSED = "Closed, and all of it is kept; choose an image and press Annotate."


class SegmentWidget(DockedWidget):
    """Paint a few slices of a volume; a 3-D U-Net learns from them and fills in the rest.

    Parameters
    ----------
    viewer : napari.Viewer
    open_worker : callable
        Where the learner lives; a process of its own on this machine.
    settings : Settings, optional
    place : callable
        Where the project of a volume is kept; None keeps nothing.

    Attributes
    ----------
    case : CaseView or None
        What is worked on now.
    parts : tuple of Part
        What the dock is made of and serves the running case, in the order in which it is told.
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
        # napari hands a proxy to the dock that opens with a project. What comes from a proxy are
        # proxies too, which Qt does not take: the oblique plane's dock.
        self.viewer: napari.viewer.Viewer = getattr(viewer, "__wrapped__", viewer)
        self.case: CaseView | None = None
        self._before: Path | None = None
        self._aside: CaseLayers | None = None
        self._open_worker = open_worker
        self._settings = settings or Settings()
        self.opening = Opening(self.viewer, self._begin, place, partial(ask_for_image, self), self)
        start_log()
        claim_endings()

        self.choice = ImageChoice(self.viewer)
        self.frames = Frames(self.viewer, self)
        self.hint = FirstHint()
        self.classes = ClassTable()
        self.exchange = Exchange(self.classes, self)
        self.planes = PlaneButtons(self.viewer)
        self.slices = SliceButtons()
        self.learning = LearningBar(self._settings.strength)
        self.overlays = OverlayBoxes()
        self.progress = ProgressPanel()
        self.next = NextPanel()
        self.volumes = VolumesPanel()
        self.check = CheckPanel()
        self.cases = CasesPanel()
        self.project = ProjectBar()
        self.parts: tuple[Part, ...] = (
            self.hint,
            ClassSurgery(self.classes),
            self.exchange,
            self.planes,
            self.slices,
            self.learning,
            self.overlays,
            self.progress,
            self.next,
            self.volumes,
            self.check,
            self.cases,
            self.project,
        )
        self._lay_out()
        self._connect()

    def start(self) -> None:
        """Begin on the chosen image: read it, make the layers, start the worker."""
        if not self.choice.isEnabled():
            return  # a case runs, or is being read
        try:
            picked = self.choice.picked()
        except Problem as problem:
            self._rest(str(problem))  # napari shows no more than the beginning of what it is told
            show_error(str(problem))
            return
        self._wait_for(f"“{picked.layer.name}”")
        self.opening.annotate(picked, [row.keep() for row in self.classes.value()])

    def open_project(self, path: Path) -> None:
        """Go on with a project instead of the case before, of which nothing is lost."""
        self._leave()
        self._wait_for(path.name)
        self.opening.open(path)

    def export(self) -> ExportDialog | None:
        """Ask what of the present case to write for other programs, and where."""
        if self.case is None:
            return None
        dialog = ExportDialog(self.case, lambda: [row.keep() for row in self.classes.value()], self)
        dialog.show()
        return dialog

    def next_case(self, what: Image | Path) -> None:
        """Go on with another image, of a layer or a file, as the next case of this project."""
        case = self.case
        project = case.session.project if case is not None else None
        if case is None or project is None or not project.exists:
            show_error("Paint in this case first: a project begins with its first stroke.")
            return
        picked = what
        if isinstance(what, Image):
            try:
                picked = like_project(what, project.description.image, self.viewer.dims.point)
            except Problem as problem:
                show_error(str(problem))
                return
        self._leave(aside=True)
        self._wait_for("the next case")
        self.opening.add(project.home, picked)

    def go_to_case(self, folder: Path) -> None:
        """Go on with another case of this project."""
        self._leave(aside=True)
        self.open_project(folder)

    def close_case(self, why: str = "") -> None:
        """End the session on the present image; layers stay."""
        if self.case is not None:
            self.case.close(why)

    def undocked(self) -> None:
        """End the session, or what is being read for one."""
        self.opening.cancel()
        self._rest("Stopped.")
        self.close_case()
        self.planes.orthogonal.setChecked(False)

    def _lay_out(self) -> None:
        column = Column(
            self.choice,
            self.hint,
            self.progress,
            Section("Classes", self.classes),
            Section("Slices", self.planes, self.slices, self.overlays),
            Section("Learning", self.learning),
            self.next,
            self.volumes,
            self.check,
            self.cases,
            Section("Project", self.project),
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(column)

    def _connect(self) -> None:
        self.choice.requested.connect(self.start)
        self.overlays.shown.connect(self.frames.follow)
        self.learning.strengthChanged.connect(self._strength_changed)
        self.learning.forgotten.connect(self.progress.clear)
        self.opening.found.connect(self._open)
        self.opening.failed.connect(self._not_readable)
        self.project.openRequested.connect(self.open_project)
        self.project.closeRequested.connect(partial(self.close_case, CLOSED))
        self.project.modelRequested.connect(self.exchange.ask_for_model)
        self.project.saveModelRequested.connect(self.exchange.ask_where_to_save)
        self.project.labelsRequested.connect(self.exchange.ask_for_labels)
        self.project.exportRequested.connect(self.export)
        self.cases.caseRequested.connect(self.go_to_case)
        self.cases.nextRequested.connect(self.next_case)
        # The window may be closed with the dock in it: then only this tells.
        self.destroyed.connect(partial(_end_case, self.__dict__))

    def _leave(self, aside: bool = False) -> None:
        """End the present case, if there is one; should the next not open, it is gone on with.

        Its layers are hidden, if they shall be put aside, only when the next is there.
        """
        case = self.case
        if case is not None:
            project = case.session.project
            before = project.path if project is not None and project.exists else None
            case.close()
            self._before, self._aside = before, case.layers if aside else None
            if aside:
                case.layers.hold()

    def _wait_for(self, name: str) -> None:
        self.choice.setEnabled(False)
        self.project.button.setEnabled(False)
        self.progress.phase.setText(f"Reading {name} …")

    def _begin(
        self, volume: Volume, project: ProjectFolder | None, others: Sequence[OtherCase]
    ) -> Session:
        """The session of a volume and what its project holds; called in a thread of its own."""
        settings, model = self.exchange.begin(self._settings, volume, project)
        return Session(volume, (), settings, self._open_worker, model, project, others)

    def _open(self, found: Found) -> None:
        session, project, layer = found.session, found.session.project, found.layer
        if self._aside is not None:
            self._aside.put_aside()
        self._before = self._aside = None
        self.choice.setValue(layer)
        self.choice.inputs.setValue(Picked(found.layers, session.volume.choice))
        if project is not None and (project.exists or found.from_project):
            kept = [ClassRow.of(each) for each in project.description.classes]
            self.classes.setValue(kept or self.classes.value())
        rows = self.classes.value()
        session.orders.require(row.label for row in rows)
        case = self.case = CaseView(
            self.viewer, layer, session, rows, partial(bind_keys, self), found.view
        )
        for made in (case.annotation, case.prediction):
            made.metadata[FILES] = sources_of(found.layers)
        self._free_image = bind_class_keys(self, layer)
        session.worker_lost.connect(self._worker_lost)
        session.noticed.connect(show_warning)
        case.ended.connect(self._case_ended)
        for note in found.notes:
            log.warning("%s", note)
            show_warning(note)
        if found.view is not None and found.from_project:
            show_view(self.viewer, found.view)
            case.pick(found.view.label)
        elif session.orders.others or (project is not None and project.home != project.path):
            show_middle(self.viewer, case.annotation)
        show_frame(self.viewer, layer, session.volume.choice)
        for part in self.parts:
            part.follow(case)
        self.project.button.setEnabled(True)
        if found.view is not None and found.from_project and found.view.oblique is not None:
            case.show_oblique(found.view.oblique.shown)
        case.start()
        self.caseOpened.emit(case)

    def _not_readable(self, error: Exception) -> None:
        log.warning("%s", error)
        sentence = str(error) if isinstance(error, Problem) else f"Cannot read the image: {error}"
        before = self._before
        self._rest(sentence)
        show_error(sentence)
        if before is not None:
            self.open_project(before)
            self.progress.phase.setText(sentence)  # to be read while that is opened

    def _case_ended(self, why: str) -> None:
        case, self.case = self.case, None
        if case is None:
            return
        case.session.worker_lost.disconnect(self._worker_lost)
        case.session.noticed.disconnect(show_warning)
        self._free_image()
        self.opening.ending = case.loop
        for part in self.parts:
            part.follow(None)
        self._rest(why or "Stopped.")
        if why:
            show_info(why)
        self.caseClosed.emit(why)

    def _rest(self, sentence: str) -> None:
        """Nothing runs any more: say why, and let another image be chosen."""
        self._before = self._aside = None
        self.progress.finish(sentence)
        self.choice.setEnabled(True)
        self.project.button.setEnabled(True)

    def _worker_lost(self, reason: str) -> None:
        show_warning(
            f"The worker process died ({reason}); another one goes on from the last saved state."
        )

    def _strength_changed(self, strength: float) -> None:
        self._settings = replace(self._settings, strength=strength)


def _end_case(widget: dict[str, Any], _: Any = None) -> None:
    """End the case of a widget that Qt has already destroyed; only its attributes are left."""
    widget["opening"].cancel()
    case = widget.get("case")
    if case is not None:
        case.loop.stop()
