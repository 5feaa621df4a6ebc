"""Which case of a project is meant on the command line, and where its image is."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.description import Description
from napari_densify.cases.formats import read_part
from napari_densify.cases.place import CASES, cases_of, images_beside
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import SUFFIX
from napari_densify.cases.reference import ImageReference, describe
from napari_densify.cases.stored import notes_on, read_annotation
from napari_densify.cases.volume import Shape, Volume, content_hash
from napari_densify.cli.shared import say

CaseName = Annotated[
    str, typer.Option(help="Which of the project's cases, by its name; else the first.")
]
CaseImage = Annotated[
    Path | None, typer.Option(help="The case's image, where the project does not find it.")
]
CaseImages = Annotated[
    list[Path] | None,
    typer.Option(
        "--image", help="A case's image, where the project does not find it; once for each."
    ),
]


def case_folder(project: Path, case: str) -> Path:
    """The folder of a project's case.

    Raises
    ------
    Problem
        If it has none of that name, see `name_of`.
    """
    if not case:
        return project
    folder = project / CASES / f"{case.removesuffix(SUFFIX)}{SUFFIX}"
    if folder.is_dir():
        return folder
    names = ", ".join(map(name_of, cases_of(project)))
    if case.removesuffix(SUFFIX) == name_of(project):
        return project
    raise Problem(f"{project} has no case “{case}”; choose one of {names}.")


def name_of(folder: Path) -> str:
    """What a case is called: as its folder."""
    return folder.name.removesuffix(SUFFIX)


def annotation_of(folder: Path, shape: Shape) -> Annotation:
    """What is painted in a case; what its journal has lost of that is said."""
    annotation, found = read_annotation(folder, shape)
    for note in notes_on(found) if found else ():
        say(note, folder.name)
    return annotation


def image_of(about: Description, named: Path | None) -> tuple[Volume, Path]:
    """A case's image, known again by its voxels, and where it is.

    Raises
    ------
    Problem
        If it is not where it was, or another one.
    """
    found = find_image(about.home, about.value.image, named)
    if found is not None:
        return found
    if named is not None:
        volume = read_part(named, about.value.image)
        about.check(describe(volume, named, content_hash(volume)))
    raise _not_there(about)


def files_of(about: Description, image: Path) -> list[Path]:
    """Where a case's image is, and where its channels are that are images of their own."""
    channels = (channel.find(about.home) for channel in about.value.image.stack)
    return [image, *(path for path in channels if path is not None)]


def image_among(about: Description, named: Iterable[Path]) -> tuple[Volume, Path]:
    """A case's image, known again by its voxels, and where it is; see `find_among`.

    Raises
    ------
    Problem
        If it is neither among those that were named nor where it was.
    """
    found = find_among(about.home, about.value.image, named)
    if found is None:
        raise _not_there(about)
    return found


def check_images(named: list[Path] | None) -> list[Path]:
    """The images that were named, none of them missing.

    Raises
    ------
    Problem
    """
    for path in named or ():
        if not path.exists():
            raise Problem(f"There is no file {path}; check the name.")
    return named or []


def find_among(
    home: Path, kept: ImageReference, named: Iterable[Path]
) -> tuple[Volume, Path] | None:
    """The image of one of a project's cases among those that were named, else as `find_image`."""
    for path in named:
        with suppress(Problem):  # another case's image need not have the frame that this one has
            found = find_image(home, kept, path)
            if found is not None:
                return found
    return find_image(home, kept)


def find_image(
    home: Path, kept: ImageReference, named: Path | None = None
) -> tuple[Volume, Path] | None:
    """The image of one of a project's cases, known again by its voxels, and where it is.

    Parameters
    ----------
    home : Path
        The project's folder.
    kept : ImageReference
        What the case says of its image. Where each channel is an image of its own they are looked
        for one by one, and where the first of them is counts.
    named : Path, optional
        Where the image, or its first channel, is to be looked for instead.

    Returns
    -------
    (Volume, Path) or None
        None if it is not to be found.
    """
    if kept.stack:
        parts: list[tuple[Volume, Path]] = []
        for channel in kept.stack:
            place = named if named is not None and not parts else channel.find(home)
            volume = _known(kept, place, channel.content) if place is not None else None
            if place is None or volume is None:
                return None
            parts.append((volume, place))
        first, place = parts[0]
        return replace(first, data=np.stack([volume.data for volume, _ in parts])), place
    place = named or kept.find(home)
    if place is not None:
        volume = _known(kept, place, kept.content)
        return None if volume is None else (volume, place)
    for path in () if kept.path else images_beside(home):
        with suppress(Problem):  # what else lies there may be anything
            volume = _known(kept, path, kept.content)
            if volume is not None:
                return volume, path
    return None


def _not_there(about: Description) -> Problem:
    return Problem(f"The image of {about.folder} is not where it was; name it with --image.")


def _known(kept: ImageReference, path: Path, content: str) -> Volume | None:
    volume = read_part(path, kept)
    same = volume.shape == kept.shape and content_hash(volume) == content
    return volume if same else None
