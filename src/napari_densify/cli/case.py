"""Which case of a project is meant on the command line, and where its image is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_densify.cases.description import Description
from napari_densify.cases.formats import read_any
from napari_densify.cases.place import CASES, cases_of, images_beside
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import SUFFIX, describe
from napari_densify.cases.volume import Volume, content_hash

CaseName = Annotated[
    str, typer.Option(help="Which of the project's cases, by its name; else the first.")
]
CaseImage = Annotated[
    Path | None, typer.Option(help="The case's image, where the project does not find it.")
]


def case_folder(project: Path, case: str) -> Path:
    """The folder of a project's case."""
    if not case:
        return project
    folder = project / CASES / f"{case.removesuffix(SUFFIX)}{SUFFIX}"
    if folder.is_dir():
        return folder
    names = ", ".join(each.name.removesuffix(SUFFIX) for each in cases_of(project))
    if case.removesuffix(SUFFIX) == project.name.removesuffix(SUFFIX):
        return project
    raise Problem(f"{project} has no case “{case}”; choose one of {names}.")


def image_of(about: Description, named: Path | None) -> tuple[Volume, Path]:
    """A case's image, known again by its voxels, and where it is.

    Raises
    ------
    Problem
        If it is not where it was, or another one.
    """
    place = named or about.find_image()
    kept = about.value.image
    places = [place] if place else [] if kept.path else images_beside(about.home)
    contents = {kept.content, *(channel.content for channel in kept.stack[:1])}
    for path in places:
        whole = read_any(path)
        volume = whole.like(kept.choice.take(whole.data, path.name))
        if volume.shape == kept.shape and content_hash(volume) in contents:
            return volume, path
        if named is not None:
            about.check(describe(volume, path, content_hash(volume)))
    raise Problem(f"The image of {about.folder} is not where it was; name it with --image.")
