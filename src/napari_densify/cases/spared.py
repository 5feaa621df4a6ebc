"""Images and projects that no result is written over."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from napari_densify.cases.formats.dicom import choose
from napari_densify.cases.formats.quiet import quiet
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import SUFFIX
from napari_densify.cases.reference import is_dicom


def check_spares(targets: Iterable[Path], images: Iterable[Path]) -> None:
    """Refuse to write where an image lies that is read, however it is named, or into a project.

    Parameters
    ----------
    targets : iterable of Path
        What would be written.
    images : iterable of Path
        Files and folders; of a DICOM series all slices are spared.

    Raises
    ------
    Problem
    """
    known = [image for image in images if image.exists()]
    for target in targets:
        home = next(filter(_is_project, target.resolve().parents), None)
        if home is not None:
            raise Problem(
                f"{target} lies in the project {home.name}; choose a place outside for the results."
            )
        for image in known if target.exists() else ():
            if _is_of(target, image):
                raise Problem(f"{target} is an image itself; choose another name for the results.")
            # Results that are folders replace what is there with all that lies in it.
            if any(target.samefile(folder) for folder in image.resolve().parents):
                raise Problem(
                    f"{target} cannot be replaced, for {image.name} lies in it; choose another "
                    "name for the results."
                )


def _is_project(folder: Path) -> bool:
    parts = ("project.json", "journal")
    return folder.suffix == SUFFIX or all((folder / part).is_file() for part in parts)


def _is_of(file: Path, image: Path) -> bool:
    """Whether a file is an image, or one of the slices of a DICOM series."""
    if file.samefile(image):
        return True
    folder = image if image.is_dir() else image.parent
    if not (file.parent.samefile(folder) and is_dicom(file) and is_dicom(image)):
        return False
    with suppress(Problem, RuntimeError), quiet():  # whoever reads it says what is wrong
        return any(file.samefile(part) for part in choose(image).files)
    return False
