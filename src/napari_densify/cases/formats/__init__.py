"""Files: which room of the world a volume comes from, and how it goes back there."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.labels import check_labels
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label
from napari_densify.cases.reference import ImageReference, is_dicom
from napari_densify.cases.volume import Triple, Volume, check_image

from . import arrays, dicom, medical, ome_zarr, tiff
from .quiet import quiet
from .whole import whole

_FORMATS: dict[str, ModuleType] = {
    suffix: module for module in (medical, tiff, ome_zarr, arrays) for suffix in module.SUFFIXES
}
SUFFIXES = tuple(_FORMATS)
APART = 0.1
"""Share of a voxel by which volumes on one grid may lie apart: NIfTI rounds."""
PLAIN = (1.0, 1.0, 1.0)
"""Voxel size of what nobody has measured."""
_DAMAGED = (
    *(OSError, RuntimeError, ValueError, EOFError, LookupError, TypeError, MemoryError),
    *(ArithmeticError, AssertionError, AttributeError, SyntaxError, struct.error, zlib.error),
)
"""What the libraries raise at files that are not what their names say."""


def read_volume(path: Path, part: Callable[[Volume], Volume] = lambda image: image) -> Volume:
    """Read an image with its geometry, checked to be one that can be learned from.

    Parameters
    ----------
    path : Path
        A file by its ending, an OME-Zarr folder, a folder of DICOM files, or one of these files.
    part : callable
        Takes from what is in the file what is wanted of it; all by default.

    Raises
    ------
    Problem
        If there is no such file, it is no image, or not one to learn from.
    """
    volume = _without_single(part(read_any(path)))
    check_image(volume.data, path.name)
    return volume


def voxel_size(path: Path) -> Triple:
    """Size of the voxels that a TIFF names, of which other programs take no notice.

    Ones where it names none, and for all other files.
    """
    if ending_of(path, tiff.SUFFIXES):
        try:
            with quiet():
                return tiff.voxel_size(path)
        except _DAMAGED:
            pass  # whoever could read it knows better
    return PLAIN


def read_part(path: Path, image: ImageReference) -> Volume:
    """Read what a case is of: the chosen frame and channels, with voxels as they were painted on.

    Raises
    ------
    Problem
        If there is no such file, or it has not that frame and these channels.
    """
    whole_image = read_any(path)
    if image.choice.axes == "zyx":
        whole_image = _without_single(whole_image)
    return image.part_of(whole_image)


def read_labels(path: Path, volume: Volume) -> NDArray[np.uint8]:
    """Read whole-number labels on a volume's grid.

    Raises
    ------
    Problem
        If there is no such file, its labels do not fit (see `check_labels`), or lie elsewhere.
    """
    labels = read_label_image(path)
    data = check_labels(labels.data, volume.shape, path.name)
    known = not labels.unplaced and volume.unit
    if known and distance(labels.in_unit(volume.unit), volume) > APART * min(volume.spacing):
        raise Problem(
            f"{path.name} lies elsewhere than {volume.name}: their voxels are not the same. "
            "`napari-densify import` brings labels to an image's voxels."
        )
    return data


def check_slices(labels: Volume) -> None:
    """Refuse labels that are no volume.

    Raises
    ------
    Problem
    """
    if labels.data.ndim != 3:
        raise Problem(f"{labels.name} has {labels.data.ndim} axes; labels of a volume have three.")


def distance(one: Volume, other: Volume) -> float:
    """How far two volumes of one shape lie apart, at the corner where that is most.

    In the unit of both, see `Volume.in_unit`.
    """
    ends = np.array(list(product(*((0, n - 1) for n in one.shape), [1]))).T
    return float(np.abs((one.affine - other.affine) @ ends)[:3].max())


def read_segmentation(path: Path) -> Volume:
    """Read whole-number labels with their own geometry; of an OME-Zarr its label image.

    Returns
    -------
    Volume
        uint8.

    Raises
    ------
    Problem
        If there is no such file, or it holds no labels; see `check_labels`.
    """
    volume = read_label_image(path)
    check_slices(volume)
    return volume.like(check_labels(volume.data, volume.data.shape, path.name))


def read_label_image(path: Path) -> Volume:
    """Read what is in a file of labels; in an OME-Zarr they lie beside the image that they are of.

    Raises
    ------
    Problem
        If there is no such file or it cannot be read.
    """
    try:
        place = ome_zarr.label_image(path) if path.is_dir() else path
    except _DAMAGED as error:
        raise _damaged(path) from error
    labels = read_any(place)
    return labels if place == path else replace(labels, name=path.name)


def read_any(path: Path) -> Volume:
    """Read what is in a file, whatever can be done with it.

    Raises
    ------
    Problem
        If there is no such file or it cannot be read.
    """
    if not path.exists():
        raise Problem(f"There is no file {path}; check the name.")
    module = _format_of(path)
    try:
        with quiet():
            volume: Volume = module.read(path)
    except Problem:
        raise
    except _DAMAGED as error:
        raise _damaged(path) from error
    return volume


def write_volume(
    path: Path, volume: Volume, classes: Sequence[Label] = (), image: Volume | None = None
) -> None:
    """Write a volume with its geometry, by the file name's ending.

    It is complete or absent: it is written beside its place and moved there.

    Parameters
    ----------
    path : Path
    volume : Volume
    classes : sequence of Label
        Names and colours of the labels in it, or names of its channels, for formats that have a
        place for them.
    image : Volume, optional
        What labels are of; OME-Zarr keeps labels with their image.

    Raises
    ------
    Problem
        If the ending is unknown or the folder cannot be written.
    """
    module = _FORMATS[check_ending(path)]
    more: dict[str, Any] = {"image": image} if module is ome_zarr else {}
    with whole(path) as partial:
        module.write(partial, volume, classes, **more)


def check_ending(path: Path) -> str:
    """The ending by which a file's format is known.

    Raises
    ------
    Problem
        If it is unknown.
    """
    ending = ending_of(path, SUFFIXES)
    if not ending:
        known = " ".join(SUFFIXES)
        raise Problem(f"{path.name} is no image that can be read here; choose one of {known}.")
    return ending


def ending_of(path: Path, endings: Iterable[str]) -> str:
    """The first of some endings that a file's name has, upper case or lower; "" for none."""
    name = path.name.lower()
    return next((ending for ending in endings if name.endswith(ending)), "")


def is_volume(path: Path) -> bool:
    """Whether a file's ending, or what a folder holds, says that it may be an image."""
    if path.is_dir():
        return _is_zarr(path) or is_dicom(path)
    return path.name.lower().endswith(SUFFIXES) or is_dicom(path)


def others_in(folder: Path) -> list[Path]:
    """Images of other kinds that lie among the DICOM files of a folder, and are no part of it."""
    return sorted(each for each in folder.glob("[!.]*") if ending_of(each, SUFFIXES))


def _damaged(path: Path) -> Problem:
    return Problem(f"{path.name} cannot be read as an image; is it damaged?")


def _without_single(volume: Volume) -> Volume:
    """An image without a first axis that is one long: some programs write one channel so."""
    single = volume.data.ndim == 4 and len(volume.data) == 1
    return volume.like(volume.data[0]) if single else volume


def _is_zarr(path: Path) -> bool:
    return any((path / name).exists() for name in ("zarr.json", ".zattrs"))


def _format_of(path: Path) -> ModuleType:
    if path.is_dir() and _is_zarr(path):
        return ome_zarr
    if not path.name.lower().endswith(SUFFIXES) and is_dicom(path):
        return dicom
    return _FORMATS[check_ending(path)]
