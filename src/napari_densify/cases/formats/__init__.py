"""Files: which room of the world a volume comes from, and how it goes back there."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.annotation import check_labels
from napari_densify.cases.formats import arrays, medical, tiff
from napari_densify.cases.problem import Problem
from napari_densify.cases.volume import Volume, check_image

_READERS = {
    **dict.fromkeys(medical.SUFFIXES, medical),
    **dict.fromkeys(tiff.SUFFIXES, tiff),
    **dict.fromkeys(arrays.SUFFIXES, arrays),
}
SUFFIXES = tuple(_READERS)
_DAMAGED = (
    *(OSError, RuntimeError, ValueError, EOFError, LookupError, TypeError, MemoryError),
    *(struct.error, zlib.error),
)
"""What the libraries raise at files that are not what their names say."""


def read_volume(path: Path) -> Volume:
    """Read an image with its geometry, checked to be one that can be learned from.

    Raises
    ------
    Problem
        If there is no such file, it is no image, or not one to learn from.
    """
    volume = _read(path)
    check_image(volume.data, path.name)
    return volume


def read_labels(path: Path, volume: Volume) -> NDArray[np.uint8]:
    """Read whole-number labels on a volume's grid.

    Raises
    ------
    Problem
        If there is no such file, or its labels do not fit; see `check_labels`.
    """
    return check_labels(_read(path).data, volume.shape, path.name)


def write_labels(path: Path, labels: Volume) -> None:
    """Write a segmentation with its geometry, by the file name's ending.

    The file is complete or absent: it is written beside its place and moved there.

    Raises
    ------
    Problem
        If the ending is unknown or the folder cannot be written.
    """
    module = _READERS[check_ending(path)]
    partial = path.with_name(f".partial-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        module.write(partial, labels)
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise Problem(f"Cannot write {path}; choose a folder that can be written.") from error


def check_ending(path: Path) -> str:
    """The ending by which a file's format is known.

    Raises
    ------
    Problem
        If it is unknown.
    """
    name = path.name.lower()
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            return suffix
    known = " ".join(SUFFIXES)
    raise Problem(f"{path.name} is no image that can be read here; choose one of {known}.")


def _read(path: Path) -> Volume:
    if not path.exists():
        raise Problem(f"There is no file {path}; check the name.")
    module = _READERS[check_ending(path)]
    try:
        volume: Volume = module.read(path)
    except _DAMAGED as error:
        raise Problem(f"{path.name} cannot be read as an image; is it damaged?") from error
    return volume
