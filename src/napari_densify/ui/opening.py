"""Finds the image of a case and its project, while the window stays free."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image
from napari.layers._source import layer_source
from napari.qt.threading import create_worker
from napari.utils.notifications import show_info
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.place import images_beside
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import (
    SCHEMA,
    ImageReference,
    Label,
    Project,
    describe,
    schema_of,
)
from napari_densify.cases.view import View, read_view
from napari_densify.cases.volume import Volume, check_image, content_hash, notes_on_values
from napari_densify.session.session import Session
from napari_densify.ui.files import read_images
from napari_densify.ui.geometry import is_straight, place_of_volume, place_volume, straight
from napari_densify.ui.loop import PATIENCE, LoopThread
from napari_densify.ui.picked import ROLE, Picked, array_of, source_of

if TYPE_CHECKING:
    import napari.viewer

Place = Callable[[Volume, Path | None, str], Path | None]
Begin = Callable[[Volume, ProjectFolder | None], Session]


@dataclass(frozen=True)
class Found:
    """A case ready to begin; without layers its images are still to be shown.

    Attributes
    ----------
    layers : tuple of Image
        What the volume was read from; the first is where the case's layers are placed.
    images : tuple of (Path, Volume)
        Or the files that it was read from, and all that is in them.
    notes : list of str
        What the user should know of the image.
    """

    session: Session
    layers: tuple[Image, ...]
    images: tuple[tuple[Path, Volume], ...]
    view: View | None
    from_project: bool
    notes: list[str]

    @property
    def layer(self) -> Image:
        """The layer that the case is of."""
        return self.layers[0]


@dataclass(frozen=True)
class _Case:
    volume: Volume
    project: ProjectFolder | None
    layers: tuple[Image, ...] = ()
    images: tuple[tuple[Path, Volume], ...] = ()
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

    def annotate(self, picked: Picked, classes: Sequence[Label]) -> None:
        """Open the case of what was picked, with its project if it has one already."""
        self._in_thread(_of_layers, picked, self._images(), classes, self.place)

    def open(self, path: Path) -> None:
        """Open a project; its image is looked for in the window, then where it was."""
        self._in_thread(_of_project, path, self._images())

    def _images(self) -> list[Image]:
        return [layer for layer in self.viewer.layers if isinstance(layer, Image)]

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
        notes = notes_on_values(case.volume)
        return Found(session, case.layers, case.images, view, case.from_project, notes)

    def _worked(self, found: Found | Missing) -> None:
        if isinstance(found, Missing):
            self._ask(found)
            return
        layers = found.layers or self._show(found)
        if layers[0] in self.viewer.layers:
            self.found.emit(replace(found, layers=self._straight(layers, found.session.volume)))
        else:
            found.session.close()
            self.failed.emit(Problem(f"“{found.layer.name}” was removed; choose another image."))

    def _ask(self, missing: Missing) -> None:
        file = self.ask(missing.sentence)
        if file is None:
            missing.project.close()
            self.failed.emit(Problem(missing.sentence))
            return
        self._in_thread(_of_file, missing.project, file)

    def _show(self, found: Found) -> tuple[Image, ...]:
        """Show images that were read from files as if napari had opened them."""
        axes = found.session.volume.choice.axes
        colours = axes.endswith("c")
        for file, image in found.images:
            place = place_of_volume(image, len(axes) - colours)
            with layer_source(path=str(file), reader_plugin="napari-densify"):
                layer = Image(image.data, name=file.name.split(".")[0], rgb=colours, **place)
            self.viewer.layers.append(layer if is_straight(layer) else straight(layer, image))
        return tuple(self.viewer.layers[-len(found.images) :])

    def _straight(self, layers: tuple[Image, ...], volume: Volume) -> tuple[Image, ...]:
        """The layers; for a first one at an angle, one beside it that can be painted on."""
        layer, role = layers[0], ("straight", layers[0].unique_id, None)
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


def _of_layers(
    picked: Picked, layers: Sequence[Image], classes: Sequence[Label], place: Place
) -> _Case | Missing:
    volume, source = picked.read(), source_of(picked.layer)
    content = content_hash(volume)
    path = place(volume, source, content)
    if path is None:
        return _Case(volume, None, picked.layers)
    stack = []
    if len(picked.layers) > 1:
        contents = [content_hash(Volume(part)) for part in picked.parts()]
        stack = list(zip(map(source_of, picked.layers), contents, strict=True))
    about = describe(volume, source, content, stack)
    if _is_of_other_channels(path, about):
        return _of_project(path, layers)
    return _Case(volume, ProjectFolder(path, about, classes), picked.layers)


def _is_of_other_channels(path: Path, about: ImageReference) -> bool:
    """Whether a project of the same image is there already, and other channels go into it."""
    if not (path / "project.json").exists() or schema_of(path) < SCHEMA:
        return False
    kept = Project.read(path).image
    return (kept.chosen, kept.channels, kept.axes) != (about.chosen, about.channels, about.axes)


def _of_project(path: Path, layers: Sequence[Image]) -> _Case | Missing:
    project = ProjectFolder(path)
    try:
        image = project.description.image
        file = image.find(path)
        stacked = _of_stack(project, layers) if image.stack else None
        if stacked is not None:
            return stacked
        for layer, source in _alike(layers, image, file):
            there = place_volume(Volume(array_of(layer), name=layer.name), layer)
            found = _recognise(project, there, source)
            if isinstance(found, _Case):
                return replace(found, layers=(layer,))
        if file is not None and not image.stack:
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
        for image in read_images(file):
            found = _recognise(project, image, file)
            if isinstance(found, _Case):
                return replace(found, images=((file, image),))
    except Problem as problem:
        found = Missing(project, str(problem))
    return found or Missing(project, f"{file} holds no 3-D image; choose another file.")


def _recognise(project: ProjectFolder, image: Volume, source: Path | None) -> _Case | Missing:
    """The project's volume in an image, if it is that of which it is a part."""
    kept = project.description.image
    try:
        data = kept.choice.take(image.data, image.name)
        check_image(data, image.name)
        # As it was painted: another reader may think otherwise of the voxels' size.
        volume = replace(image, data=data, spacing=kept.spacing, choice=kept.choice)
        project.recognise(describe(volume, source, content_hash(volume)))
    except Problem as problem:
        return Missing(project, str(problem))
    return _Case(volume, project, from_project=True)


def _of_stack(project: ProjectFolder, layers: Sequence[Image]) -> _Case | None:
    """The volume of a project whose channels are images of their own: all of them, or none."""
    kept = project.description.image
    choice, shown = kept.choice, {}
    for layer in layers:
        if choice.fits(array_of(layer).shape) and not layer.rgb:
            part = choice.take(array_of(layer))
            shown[content_hash(Volume(part))] = (layer, part)
    if all(channel.content in shown for channel in kept.stack):
        found = [shown[channel.content] for channel in kept.stack]
        layer, part = found[0]
        place = place_volume(Volume(part, name=layer.name), layer)
        volume = _stacked(kept, [part for _, part in found], place)
        return _Case(volume, project, tuple(layer for layer, _ in found), from_project=True)
    images = [_image_of(kept, c.find(project.path), c.content) for c in kept.stack]
    read = [image for image in images if image is not None]
    if len(read) < len(images):
        return None
    parts = [choice.take(image.data) for _, image in read]
    return _Case(_stacked(kept, parts, read[0][1]), project, images=tuple(read), from_project=True)


def _stacked(kept: ImageReference, parts: Sequence[NDArray[np.generic]], first: Volume) -> Volume:
    """Several images as the channels of one volume that lies where the first does."""
    return replace(first, data=np.stack(parts), spacing=kept.spacing, choice=kept.choice)


def _image_of(kept: ImageReference, file: Path | None, content: str) -> tuple[Path, Volume] | None:
    """The image in a file that has a channel's voxels; of a file with many only that channel."""
    for image in read_images(file) if file is not None else ():
        for data in (image.data, *(image.data if image.data.ndim > len(kept.choice.axes) else ())):
            if kept.choice.fits(data.shape) and (
                content_hash(Volume(kept.choice.take(data))) == content
            ):
                assert file is not None
                return file, replace(image, data=data)
    return None


def _alike(
    layers: Sequence[Image], image: ImageReference, file: Path | None
) -> Iterator[tuple[Image, Path | None]]:
    """Layers that may show a project's image: from its file, or without one."""
    for layer in layers:
        source, shape = source_of(layer), array_of(layer).shape
        if layer.rgb != image.choice.axes.endswith("c") or not image.choice.fits(shape):
            continue
        same_file = source is not None and file is not None and source.samefile(file)
        if image.choice.shape_in(shape) == image.shape and (same_file or file is None):
            yield layer, source
