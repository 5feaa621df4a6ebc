"""DICOM series through SimpleITK: which there are, whether they make up a volume, and that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its own documentation's abbreviation
from numpy.typing import NDArray

from napari_densify.cases.formats.medical import from_image
from napari_densify.cases.formats.room import check_room
from napari_densify.cases.problem import Problem
from napari_densify.cases.volume import Volume

POSITION, ORIENTATION = "0020|0032", "0020|0037"
MODALITY, DESCRIPTION = "0008|0060", "0008|103e"
SAME = 1e-3
"""By how much the direction cosines of slices of one orientation may differ."""
MISSING = 1.5
"""A step between slices that is so many times the usual one has slices missing in it."""
NAMED = 5
"""Series that are named at most, the longest ones."""
UNEVEN = 0.1
"""Share of the usual step by which steps may differ: positions are rounded by some scanners."""


@dataclass(frozen=True)
class Series:
    """One series of images in a folder.

    Attributes
    ----------
    files : tuple of Path
        In the order of their positions.
    modality : str
        "CT", "MR", …
    description : str
        The scanner's words; to be shown, never to be logged.
    """

    files: tuple[Path, ...]
    modality: str
    description: str


def find_series(folder: Path) -> list[Series]:
    """The series of images in a folder, the longest first; the folders in it are not searched."""
    found = []
    for uid in sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder)):
        files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid)
        header = _header(files[0])
        series = Series(
            tuple(map(Path, files)), _said(header, MODALITY), _said(header, DESCRIPTION)
        )
        found.append(series)
    return sorted(found, key=lambda series: -len(series.files))


def read(path: Path) -> Volume:
    """Read the series of a folder, or the one that a file belongs to.

    Raises
    ------
    Problem
        If the folder holds no series or several, or the series is no volume: slices are missing,
        lie at the same place, or in several directions.
    """
    return read_series(choose(path), path.name)


def choose(path: Path) -> Series:
    """The only series of a folder, or the one that a file belongs to.

    Raises
    ------
    Problem
        If there are none or several.
    """
    folder = path if path.is_dir() else path.parent
    found = find_series(folder)
    if not path.is_dir():
        whole = path.resolve()
        found = [s for s in found if any(file.resolve() == whole for file in s.files)]
    if not found:
        raise Problem(f"“{path.name}” holds no DICOM image that can be read; is it damaged?")
    if len(found) > 1:
        named = [f"{s.files[0].name} ({s.modality}, {len(s.files)} images)" for s in found[:NAMED]]
        more = [f"{len(found) - NAMED} more"] if len(found) > NAMED else []
        first = ", ".join(named + more)
        raise Problem(
            f"“{path.name}” holds {len(found)} DICOM series; choose one by a file of it: {first}."
        )
    return found[0]


def read_series(series: Series, name: str) -> Volume:
    """Read a series with its geometry; see `read`."""
    headers = [_header(str(file)) for file in series.files]
    stored = sum(file.stat().st_size for file in series.files)
    check_room(name, (len(headers), *headers[0].GetSize()), 1, stored)
    if len(headers) == 1:
        return from_image(sitk.ReadImage(str(series.files[0])), name)
    order, step, direction = _stack(headers, name)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(series.files[i]) for i in order])
    if len({header.GetPixelID() for header in headers}) > 1:
        # As in PET, where each slice has its own scale: the first one's type would not hold them.
        reader.SetOutputPixelType(sitk.sitkFloat32)
    volume = from_image(reader.Execute(), name)
    x, y = headers[0].GetSpacing()[:2]
    affine = np.eye(4)
    affine[:3, :3] = (direction * (step, y, x))[::-1]
    affine[:3, 3] = _position(headers[order[0]])[::-1]
    return volume.placed(affine)


def ordered(series: Series, name: str) -> list[Path]:
    """The files of a series in the order of a volume's slices; see `read`."""
    headers = [_header(str(file)) for file in series.files]
    order = _stack(headers, name)[0] if len(headers) > 1 else range(1)
    return [series.files[i] for i in order]


def _stack(
    headers: list[sitk.ImageFileReader], name: str
) -> tuple[NDArray[np.intp], float, NDArray[np.float64]]:
    """The slices' order, the step between them, and the (x, y, z) columns of array axes z, y, x.

    The slices are put into the order of their positions along the normal, as DICOM PS3.3 C.7.6.2
    defines position and orientation of the image plane; file names and numbers say nothing.
    """
    sizes = {header.GetSize() for header in headers}
    if len(sizes) > 1:
        raise Problem(f"“{name}” holds slices of {len(sizes)} sizes; choose a series of one size.")
    cosines = np.array([_numbers(header, ORIENTATION) for header in headers])
    if np.abs(cosines - cosines[0]).max() > SAME:
        count = len(np.unique(np.round(cosines, 2), axis=0))
        raise Problem(
            f"“{name}” holds slices in {count} directions, as localisers do; choose a series of "
            "one direction."
        )
    along_x, along_y = cosines[0, :3], cosines[0, 3:]
    normal = np.cross(along_x, along_y)
    positions = np.array([_position(header) for header in headers])
    order = np.argsort(positions @ normal, kind="stable")
    step = _check_steps(positions[order], normal, name)
    return order, step, np.column_stack([normal, along_y, along_x])


def _check_steps(positions: NDArray[np.float64], normal: NDArray[np.float64], name: str) -> float:
    """The step between slices, if it is the same everywhere and straight along the normal."""
    steps = np.diff(positions, axis=0)
    along = steps @ normal
    usual = float(np.median(along))
    if along.min() <= UNEVEN * usual:
        raise Problem(
            f"“{name}” holds several images of the same place (time points or echoes); choose a "
            "series with one image for each place."
        )
    at = positions @ normal
    wide = np.flatnonzero(along > MISSING * usual)
    if wide.size:
        gap = int(wide[0])
        raise Problem(
            f"“{name}” lacks slices in {wide.size} places, first between {at[gap]:.1f} and "
            f"{at[gap + 1]:.1f} mm; export the whole series again."
        )
    if np.abs(along - usual).max() > UNEVEN * usual:
        raise Problem(
            f"“{name}” has slices {along.min():.2f} to {along.max():.2f} mm apart; resample it to "
            "even steps first."
        )
    aside = np.linalg.norm(steps - np.outer(along, normal), axis=1).max()
    if aside > UNEVEN * usual:
        raise Problem(
            f"“{name}” was taken with a tilted gantry, its slices do not lie straight above each "
            "other; resample it to a straight grid first."
        )
    return float(along.mean())


def _header(file: str) -> sitk.ImageFileReader:
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(file)
    reader.ReadImageInformation()
    return reader


def _position(header: sitk.ImageFileReader) -> NDArray[np.float64]:
    return np.array(_numbers(header, POSITION))


def _numbers(header: sitk.ImageFileReader, tag: str) -> list[float]:
    return [float(part) for part in _said(header, tag).split("\\")]


def _said(header: sitk.ImageFileReader, tag: str) -> str:
    return str(header.GetMetaData(tag)).strip() if header.HasMetaDataKey(tag) else ""
