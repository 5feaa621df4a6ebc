"""Which volume is meant: a layer's, a file's or a project's, with the project that it has."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.place import case_with, images_beside, is_of, place_in
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import SCHEMA, Label, Project, schema_of
from napari_densify.cases.reference import ImageReference, describe
from napari_densify.cases.volume import Volume, check_image, content_hash
from napari_densify.ui.files import read_images
from napari_densify.ui.geometry import place_volume
from napari_densify.ui.picked import Picked, array_of, source_of

Place = Callable[[Volume, Path | None, str], Path | None]
File = tuple[Path, Volume]
"""A file and all that is in it."""


@dataclass(frozen=True)
class Match:
    """A volume and its project, with the layers or the files that it was read from."""

    volume: Volume
    project: ProjectFolder | None
    layers: tuple[Image, ...] = ()
    files: tuple[File, ...] = ()
    from_project: bool = False


@dataclass(frozen=True)
class Missing:
    """A project whose image is not where it was, and a sentence that says so."""

    project: ProjectFolder
    sentence: str


def of_layers(
    picked: Picked,
    layers: Sequence[Image],
    classes: Sequence[Label],
    place: Place,
    left: Path | None = None,
) -> Match | Missing:
    """What was picked, with its project if it has one already.

    Parameters
    ----------
    picked : Picked
    layers : sequence of Image
        Those in the window.
    classes : sequence of Label
        The class table of a new project.
    place : callable
        Where the project of a volume is kept.
    left : Path, optional
        Where the volume was annotated before in this window: it may have been a project's further
        case, or the project may have been moved.
    """
    volume, source = picked.read(), source_of(picked.layer)
    content = content_hash(volume)
    path = left if left is not None and is_of(left, content) else place(volume, source, content)
    if path is None:
        return Match(volume, None, picked.layers)
    stack = []
    if len(picked.layers) > 1:
        contents = [content_hash(Volume(part)) for part in picked.parts()]
        stack = list(zip(map(source_of, picked.layers), contents, strict=True))
    about = describe(volume, source, content, stack)
    if _is_of_other_channels(path, about):
        return of_project(path, layers)
    return Match(volume, ProjectFolder(path, about, classes), picked.layers)


def of_next(home: Path, what: Picked | Path) -> Match:
    """Another case of a project, of a layer or of a file; if it is one already, that.

    Raises
    ------
    Problem
        If the file holds no volume, or it does not go with the project's.
    """
    if isinstance(what, Picked):
        return _next(home, what.read(), source_of(what.layer), layers=what.layers)
    choice = Project.read(home).image.choice
    for image in read_images(what):
        if choice.fits(image.data.shape):
            data = choice.take(image.data, image.name)
            check_image(data, image.name)
            volume = replace(image, data=data, choice=choice)
            return _next(home, volume, what, files=((what, image),))
    raise Problem(f"{what} holds no volume like this project's; choose another file.")


def _next(
    home: Path,
    volume: Volume,
    source: Path | None,
    layers: tuple[Image, ...] = (),
    files: tuple[File, ...] = (),
) -> Match:
    content = content_hash(volume)
    known = case_with(home, content)
    path = known or place_in(home, source, content, volume.choice.moment)
    project = ProjectFolder(path, describe(volume, source, content))
    return Match(volume, project, layers, files, from_project=known is not None)


def of_project(path: Path, layers: Sequence[Image]) -> Match | Missing:
    """A project's volume: looked for among the layers, then where its image was."""
    project = ProjectFolder(path)
    try:
        image, home = project.description.image, project.home
        file = image.find(home)
        stacked = _of_stack(image, home, layers) if image.stack else None
        if stacked is not None:
            return replace(stacked, project=project, from_project=True)
        for layer, source in _alike(layers, image, file):
            found = _recognise(project, _as_it_lies(layer), source)
            if isinstance(found, Match):
                return replace(found, layers=(layer,))
        if file is not None and not image.stack:
            return of_file(project, file)
        for beside in () if image.path else images_beside(home):
            found = of_file(project, beside)
            if isinstance(found, Match):
                return found
    except BaseException:
        project.close()
        raise
    was = f"is not where it was ({image.path})" if image.path else "was opened from no file"
    return Missing(project, f"The image of {path.name} {was}; choose it, or open it first.")


def of_file(project: ProjectFolder, file: Path) -> Match | Missing:
    """The project's image in a file, whichever reader brings the voxels it was painted on."""
    found: Match | Missing | None = None
    try:
        for image in read_images(file):
            found = _recognise(project, image, file)
            if isinstance(found, Match):
                return replace(found, files=((file, image),))
    except Problem as problem:
        found = Missing(project, str(problem))
    return found or Missing(project, f"{file} holds no 3-D image; choose another file.")


def find_image(layers: Sequence[Image], home: Path, kept: ImageReference) -> Volume | None:
    """The volume of one of a project's cases, from the layers or from where it was.

    Parameters
    ----------
    layers : sequence of Image
        Those in the window.
    home : Path
        The project's folder.
    kept : ImageReference
        What the case says of its image.
    """
    if kept.stack:
        stacked = _of_stack(kept, home, layers)
        return stacked.volume if stacked is not None else None
    file = kept.find(home)
    shown = (_as_it_lies(layer) for layer, _ in _alike(layers, kept, file))
    beside = [] if kept.path else images_beside(home)
    read = read_images(file) if file is not None else itertools.chain(*map(_images_in, beside))
    found = (_is_of(kept, image) for image in itertools.chain(shown, read))
    return next((volume for volume in found if volume is not None), None)


def _images_in(file: Path) -> Iterator[Volume]:
    """What can be read of a file that may hold an image: what lies beside may be anything."""
    with suppress(Problem):
        yield from read_images(file)


def _is_of_other_channels(path: Path, about: ImageReference) -> bool:
    """Whether a project of the same image is there already, and other voxels go into it."""
    if not (path / "project.json").exists() or schema_of(path) < SCHEMA:
        return False
    kept = Project.read(path).image
    if kept.content == about.content:
        return False  # it may have been a volume of its own then, and be a frame of a series now
    return (kept.chosen, kept.channels, kept.axes) != (about.chosen, about.channels, about.axes)


def _as_it_lies(layer: Image) -> Volume:
    return place_volume(Volume(array_of(layer), name=layer.name), layer)


def _is_of(kept: ImageReference, image: Volume) -> Volume | None:
    """What of an image goes in, if it has the voxels that were painted on."""
    try:
        volume = kept.part_of(image)
    except Problem:
        return None
    return volume if content_hash(volume) == kept.content else None


def _recognise(project: ProjectFolder, image: Volume, source: Path | None) -> Match | Missing:
    """The project's volume in an image, if it is that of which it is a part."""
    try:
        volume = project.description.image.part_of(image)
        project.recognise(describe(volume, source, content_hash(volume)))
    except Problem as problem:
        return Missing(project, str(problem))
    return Match(volume, project, from_project=True)


def _of_stack(kept: ImageReference, home: Path, layers: Sequence[Image]) -> Match | None:
    """A volume whose channels are images of their own: all of them, or none."""
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
        return Match(volume, None, tuple(layer for layer, _ in found))
    images = [_image_of(kept, c.find(home), c.content) for c in kept.stack]
    read = [image for image in images if image is not None]
    if len(read) < len(images):
        return None
    parts = [choice.take(image.data) for _, image in read]
    return Match(_stacked(kept, parts, read[0][1]), None, files=tuple(read))


def _stacked(kept: ImageReference, parts: Sequence[NDArray[np.generic]], first: Volume) -> Volume:
    """Several images as the channels of one volume that lies where the first does."""
    return replace(kept.measured(first), data=np.stack(parts), choice=kept.choice)


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
