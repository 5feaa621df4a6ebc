"""What is refused before any work is done."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from napari_densify.cases.formats.dicom import choose
from napari_densify.cases.formats.quiet import quiet
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import is_dicom


def check_device(name: str) -> None:
    """Refuse early to work on a device that is not there."""
    from napari_densify.learn.device import pick_device

    pick_device(name)


def check_spares(targets: Iterable[Path], images: Iterable[Path]) -> None:
    """Refuse to write where an image lies that is read, however it is named."""
    known = [image for image in images if image.exists()]
    for target in targets:
        if target.exists() and any(_is_of(target, image) for image in known):
            raise Problem(f"{target} is an image itself; choose another name for the results.")


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


def check_file_target(path: Path) -> None:
    """Refuse early to write a file where that cannot work."""
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            writable = not path.is_dir() or path.suffix == ".zarr"
    except OSError:
        writable = False
    if not writable:
        raise Problem(f"Cannot write {path}; choose a file in a folder that can be written.")
