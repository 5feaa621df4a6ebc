"""Finds the image of a case and its project, while the window stays free."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from napari.layers import Image
from napari.layers._source import layer_source
from napari.qt.threading import create_worker
from napari.utils.notifications import show_info
from qtpy.QtCore import QObject, Signal

from napari_densify.cases.export import stem_of
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label
from napari_densify.cases.view import View, read_view
from napari_densify.cases.volume import Volume, notes_on_values
from napari_densify.session.memory import notes_on_memory
from napari_densify.session.news import OtherCase
from napari_densify.session.others import read_others
from napari_densify.session.session import Session
from napari_densify.ui.case_layers import left_at
from napari_densify.ui.finding import (
    File,
    Match,
    Missing,
    Place,
    find_image,
    of_file,
    of_layers,
    of_next,
    of_project,
)
from napari_densify.ui.geometry import is_straight, place_of_volume, straight
from napari_densify.ui.loop import LoopThread
from napari_densify.ui.picked import ROLE, STRAIGHT, Picked, notes_on_size

if TYPE_CHECKING:
    import napari.viewer

Begin = Callable[[Volume, ProjectFolder | None, Sequence[OtherCase]], Session]
LOOK_UP = 1.0
"""Seconds after which a waiting opening sees whether it is still wanted."""


@dataclass(frozen=True)
class Found:
    """A case ready to begin; without layers its images are still to be shown.

    Attributes
    ----------
    layers : tuple of Image
        What the volume was read from; the first is where the case's layers are placed.
    files : tuple of (Path, Volume)
        Or the files that it was read from, and all that is in them.
    notes : list of str
        What the user should know of the image and its project.
    """

    session: Session
    layers: tuple[Image, ...]
    files: tuple[File, ...]
    view: View | None
    from_project: bool
    notes: list[str]

    @property
    def layer(self) -> Image:
        """The layer that the case is of."""
        return self.layers[0]


class Opening(QObject):
    """Opens a case from an image layer or from a project: the last one that was asked for.

    Parameters
    ----------
    viewer : napari.Viewer
    begin : callable
        Makes the session of a volume, a project and its other cases, in another thread.
    place : callable
        Where the project of a volume is kept; None keeps nothing.
    ask : callable
        Asks the user for a project's image, given a sentence; None if there is none to be had.
    """

    found = Signal(object)
    failed = Signal(object)

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        begin: Begin,
        place: Place,
        ask: Callable[[str], Path | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.viewer, self.begin, self.place, self.ask = viewer, begin, place, ask
        self._asked, self._one_by_one = 0, Lock()
        self.ending: LoopThread | None = None
        """The loop of the case before, which may still be writing to the same project."""

    def annotate(self, picked: Picked, classes: Sequence[Label]) -> None:
        """Open the case of what was picked, with its project if it has one already."""
        left = left_at(self.viewer.layers, picked.layer, picked.choice)
        self._in_thread(of_layers, picked, self._images(), classes, self.place, left)

    def add(self, home: Path, what: Picked | Path) -> None:
        """Open the next case of a project: what was picked, or what is in a file."""
        self._in_thread(of_next, home, what)

    def open(self, path: Path) -> None:
        """Open a project; its image is looked for in the window, then where it was."""
        self._in_thread(of_project, path, self._images())

    def _images(self) -> list[Image]:
        return [layer for layer in self.viewer.layers if isinstance(layer, Image)]

    def cancel(self) -> None:
        """Open nothing of what was asked for."""
        self._asked += 1

    def _in_thread(self, work: Callable[..., Match | Missing], *of: object) -> None:
        self._asked += 1
        number = self._asked
        worker = create_worker(self._work, number, partial(work, *of), _ignore_errors=True)
        worker.returned.connect(partial(self._worked, number))
        worker.errored.connect(partial(self._failed, number))
        worker.start()

    def _work(self, number: int, work: Callable[[], Match | Missing]) -> Found | Missing | None:
        with self._one_by_one:  # or the one before might still hold the same project
            # A worker that is still starting, and so its loop, may take minutes to end.
            while number == self._asked and self.ending and not self.ending.wait(LOOK_UP):
                pass
            if number != self._asked:
                return None
            found = self._find(work)
            if number == self._asked:
                return found
            _let_go(found)
            return None

    def _find(self, work: Callable[[], Match | Missing]) -> Found | Missing:
        match = work()
        if isinstance(match, Missing):
            return match
        project, notes = match.project, notes_on_values(match.volume)
        notes += notes_on_memory(match.volume)
        notes += [note for layer in match.layers[:1] for note in notes_on_size(layer)]
        others: list[OtherCase] = []
        try:
            if project is not None and project.exists:
                others, missing = read_others(project, partial(find_image, self._images()))
                notes += missing
            session = self.begin(match.volume, project, others)
        except BaseException:
            if project is not None:
                project.close()
            raise
        if project is not None:
            notes += project.notes
            if project.read_only:
                notes.append(f"{project.path.name} {project.holder}; it is shown read-only.")
        view = read_view(project.path) if project is not None else None
        return Found(session, match.layers, match.files, view, match.from_project, notes)

    def _failed(self, number: int, error: Exception) -> None:
        if number == self._asked:
            self.failed.emit(error)

    def _worked(self, number: int, found: Found | Missing | None) -> None:
        if found is None or number != self._asked:
            _let_go(found)
            return
        if isinstance(found, Missing):
            self._ask(number, found)
            return
        layers = found.layers or self._show(found)
        if layers[0] in self.viewer.layers:
            self.found.emit(replace(found, layers=self._straight(layers, found.session.volume)))
        else:
            found.session.close()
            self.failed.emit(Problem(f"“{found.layer.name}” was removed; choose another image."))

    def _ask(self, number: int, missing: Missing) -> None:
        file = self.ask(missing.sentence)
        if number != self._asked:
            missing.project.close()
            return
        if file is None:
            missing.project.close()
            self.failed.emit(Problem(missing.sentence))
            return
        self._in_thread(of_file, missing.project, file)

    def _show(self, found: Found) -> tuple[Image, ...]:
        """Show images that were read from files as if napari had opened them."""
        axes = found.session.volume.choice.axes
        colours = axes.endswith("c")
        for file, image in found.files:
            place = place_of_volume(image, len(axes) - colours)
            with layer_source(path=str(file), reader_plugin="napari-densify"):
                layer = Image(image.data, name=stem_of(file), rgb=colours, **place)
            self.viewer.layers.append(layer if is_straight(layer) else straight(layer, image))
        return tuple(self.viewer.layers[-len(found.files) :])

    def _straight(self, layers: tuple[Image, ...], volume: Volume) -> tuple[Image, ...]:
        """The layers; for a first one at an angle, one beside it that can be painted on."""
        layer, role = layers[0], (STRAIGHT, layers[0].unique_id, None)
        if is_straight(layer):
            return layers
        made = [other for other in self.viewer.layers if other.metadata.get(ROLE) == role]
        if not made:
            made = [straight(layer, volume)]
            made[0].metadata[ROLE] = role
            self.viewer.layers.append(made[0])
            self.viewer.reset_view()
            show_info(
                f"“{layer.name}” lies at an angle: “{made[0].name}” shows it along its own slices. "
                "Paint there; what you export lies where the image was taken."
            )
        return (made[0], *layers[1:])


def _let_go(found: Found | Missing | None) -> None:
    """Close what was opened and is not wanted any more."""
    if isinstance(found, Missing):
        found.project.close()
    elif found is not None:
        found.session.close()
