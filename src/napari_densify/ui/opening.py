"""Finds the image of a case and its project, while the window stays free."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Image
from napari.layers._source import layer_source
from napari.qt.threading import create_worker
from napari.utils.notifications import show_info
from qtpy.QtCore import QObject, Signal

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.place import images_beside
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label, describe
from napari_densify.cases.view import View, read_view
from napari_densify.cases.volume import Volume, content_hash
from napari_densify.session.session import Session
from napari_densify.ui.files import read_images
from napari_densify.ui.geometry import place_of_volume, straighten
from napari_densify.ui.layers import check_layer, read_layer, source_of
from napari_densify.ui.loop import PATIENCE, LoopThread

if TYPE_CHECKING:
    import napari.viewer

Place = Callable[[Volume, Path | None, str], Path | None]
Begin = Callable[[Volume, ProjectFolder | None], Session]


@dataclass(frozen=True)
class Found:
    """A case ready to begin; without a layer its image is still to be shown."""

    session: Session
    layer: Image | None
    source: Path | None
    view: View | None
    from_project: bool


@dataclass(frozen=True)
class _Case:
    volume: Volume
    project: ProjectFolder | None
    layer: Image | None
    source: Path | None
    from_project: bool = False


@dataclass(frozen=True)
class Missing:
    """A project whose image is not where it was, and a sentence that says so."""

    project: ProjectFolder
    sentence: str


class Opening(QObject):
    """Opens a case from an image layer or from a project, one at a time.

    Parameters
    ----------
    viewer : napari.Viewer
    begin : callable
        Makes the session of a volume and a project, in another thread.
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
        self.ending: LoopThread | None = None
        """The loop of the case before, which may still be writing to the same project."""

    def annotate(self, layer: Image, classes: Sequence[Label]) -> None:
        """Open the case of a layer, with its project if it has one already."""
        self._in_thread(_of_layer, layer, classes, self.place)

    def open(self, path: Path) -> None:
        """Open a project; its image is looked for in the window, then where it was."""
        layers = [layer for layer in self.viewer.layers if isinstance(layer, Image)]
        self._in_thread(_of_project, path, layers)

    def _in_thread(self, work: Callable[..., _Case | Missing], *of: object) -> None:
        worker = create_worker(self._work, partial(work, *of), _ignore_errors=True)
        worker.returned.connect(self._worked)
        worker.errored.connect(self.failed)
        worker.start()

    def _work(self, work: Callable[[], _Case | Missing]) -> Found | Missing:
        if self.ending is not None:
            self.ending.wait(PATIENCE)
        case = work()
        if isinstance(case, Missing):
            return case
        try:
            session = self.begin(case.volume, case.project)
        except BaseException:
            if case.project is not None:
                case.project.close()
            raise
        view = read_view(case.project.path) if case.project else None
        return Found(session, case.layer, case.source, view, case.from_project)

    def _worked(self, found: Found | Missing) -> None:
        if isinstance(found, Missing):
            self._ask(found)
            return
        layer = self._show(found) if found.layer is None else found.layer
        if layer in self.viewer.layers:
            if straighten(layer, found.session.volume):
                self.viewer.reset_view()
                show_info(
                    f"“{layer.name}” was taken at an angle: it is shown along its own slices, and "
                    "what you export lies where it was taken."
                )
            self.found.emit(replace(found, layer=layer))
        else:
            assert found.layer is not None
            found.session.close()
            self.failed.emit(Problem(f"“{found.layer.name}” was removed; choose another image."))

    def _ask(self, missing: Missing) -> None:
        file = self.ask(missing.sentence)
        if file is None:
            missing.project.close()
            self.failed.emit(Problem(missing.sentence))
            return
        self._in_thread(_of_file, missing.project, file)

    def _show(self, found: Found) -> Image:
        """Show an image that was read from a file as if napari had opened it."""
        assert found.source is not None
        name, volume = found.source.name.split(".")[0], found.session.volume
        with layer_source(path=str(found.source), reader_plugin="napari-densify"):
            layer = Image(volume.data, name=name, **place_of_volume(volume))
        self.viewer.layers.append(layer)
        return layer


def _of_layer(layer: Image, classes: Sequence[Label], place: Place) -> _Case:
    volume, source = read_layer(layer), source_of(layer)
    content = content_hash(volume)
    path = place(volume, source, content)
    if path is None:
        return _Case(volume, None, layer, source)
    project = ProjectFolder(path, describe(volume, source, content), classes)
    return _Case(volume, project, layer, source)


def _of_project(path: Path, layers: Sequence[Image]) -> _Case | Missing:
    project = ProjectFolder(path)
    try:
        image = project.description.image
        if image.channels > 1:
            raise Problem(
                f"{path} is of an image with {image.channels} channels, and the window takes "
                "one; use it with napari-densify predict."
            )
        file = image.find(path)
        for layer, source in _alike(layers, project, file):
            found = _recognise(project, read_layer(layer), layer, source)
            if isinstance(found, _Case):
                return found
        if file is not None:
            return _of_file(project, file)
        for beside in () if image.path else images_beside(path):
            found = _of_file(project, beside)
            if isinstance(found, _Case):
                return found
    except BaseException:
        project.close()
        raise
    was = f"is not where it was ({image.path})" if image.path else "was opened from no file"
    return Missing(project, f"The image of {path.name} {was}; choose it, or open it first.")


def _of_file(project: ProjectFolder, file: Path) -> _Case | Missing:
    """The project's image in a file, whichever reader brings the voxels it was painted on."""
    found: _Case | Missing | None = None
    try:
        for volume in read_images(file):
            found = _recognise(project, volume, None, file)
            if isinstance(found, _Case):
                return found
    except Problem as problem:
        found = Missing(project, str(problem))
    return found or Missing(project, f"{file} holds no 3-D image; choose another file.")


def _recognise(
    project: ProjectFolder, volume: Volume, layer: Image | None, source: Path | None
) -> _Case | Missing:
    kept = project.description.image
    # As it was painted: another reader may think otherwise of the voxels' size.
    volume = replace(volume, spacing=kept.spacing)
    try:
        project.recognise(describe(volume, source, content_hash(volume)))
    except Problem as problem:
        return Missing(project, str(problem))
    return _Case(volume, project, layer, source, from_project=True)


def _alike(
    layers: Sequence[Image], project: ProjectFolder, file: Path | None
) -> Iterator[tuple[Image, Path | None]]:
    """Layers that may show the project's image: from its file, or without one."""
    for layer in layers:
        source = source_of(layer)
        try:
            check_layer(layer)
        except Problem:
            continue
        shape = layer.data[0].shape if layer.multiscale else layer.data.shape
        same_file = source is not None and file is not None and source.samefile(file)
        if tuple(shape) == project.description.image.shape and (same_file or file is None):
            yield layer, source
