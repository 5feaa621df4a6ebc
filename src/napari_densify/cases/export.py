"""What leaves a project for other programs: segmentations, surfaces and volumes."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases import formats
from napari_densify.cases.formats import dicom_seg, medical, surface
from napari_densify.cases.formats.whole import whole
from napari_densify.cases.measure import measure
from napari_densify.cases.names import distinct
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label
from napari_densify.cases.volume import Volume

ENDINGS = (*formats.SUFFIXES, *dicom_seg.SUFFIXES, *surface.SUFFIXES, ".csv")
COLUMNS = ("image", "label", "name", "voxels", "volume", "unit", "largest piece")
SHORT = {"millimeter": "mm³", "micrometer": "µm³", "nanometer": "nm³", "centimeter": "cm³"}


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A segmentation on its way out.

    Attributes
    ----------
    labels : Volume
        uint8; 0 = background or nothing, 1… = structures.
    classes : tuple of Label
        The structures.
    image : Volume, optional
        What it is of.
    source : Path, optional
        Where that was read from; DICOM-SEG refers to it.
    """

    labels: Volume
    classes: tuple[Label, ...]
    image: Volume | None = None
    source: Path | None = None

    def write(self, path: Path) -> list[Path]:
        """Write it by the file name's ending, complete or not at all.

        Returns
        -------
        list of Path
            What was written: of surfaces a file for each structure.

        Raises
        ------
        Problem
            If the ending is unknown, the folder cannot be written, or there is nothing to write.
        """
        ending = check_ending(path)
        if ending in surface.SUFFIXES:
            return self._write_surfaces(path)
        if ending == ".csv":
            write_measures(path, self.measures(path.stem))
        elif ending in dicom_seg.SUFFIXES:
            with whole(path) as partial:
                dicom_seg.write(partial, self.labels, self.classes, self.source)
        else:
            formats.write_volume(path, self.labels, self.classes, self.image)
        return [path]

    def measures(self, name: str) -> list[tuple[str, ...]]:
        """Rows of `COLUMNS` for a table of volumes, one of each structure."""
        size = float(np.prod(self.labels.spacing))
        unit = SHORT.get(self.labels.unit, "")
        labels = self.labels.data.astype(np.uint8, copy=False)
        sizes = measure(labels, [c.label for c in self.classes])
        return [
            (
                name,
                str(each.label),
                each.name,
                str(m.voxels),
                f"{m.voxels * size:.6g}",
                unit,
                "" if m.largest is None else f"{m.largest * size:.6g}",
            )
            for each, m in zip(self.classes, sizes, strict=True)
        ]

    def _write_surfaces(self, path: Path) -> list[Path]:
        written = []
        for each, file in zip(self.classes, files_of(path, self.classes), strict=True):
            if (self.labels.data == each.label).any():
                with whole(file) as partial:
                    surface.write(partial, self.labels, each)
                written.append(file)
        if not written:
            raise Problem("Nothing is segmented yet; there is no surface to write.")
        return written


def files_of(path: Path, classes: Sequence[Label]) -> list[Path]:
    """The files that a segmentation is written to: of surfaces ``x-NAME.stl`` for each of several.

    A structure of which nothing is segmented has none.
    """
    if path.suffix.lower() not in surface.SUFFIXES or len(classes) < 2:
        return [path]
    plain = ("".join(c if c.isalnum() else "-" for c in each.name) for each in classes)
    return [path.with_name(f"{path.stem}-{name}{path.suffix}") for name in distinct(plain)]


def check_ending(path: Path) -> str:
    """The ending by which the format of an export is known.

    Raises
    ------
    Problem
        If it is unknown.
    """
    ending = formats.ending_of(path, ENDINGS)
    if not ending or ending in medical.DETACHED:
        known = " ".join(each for each in ENDINGS if each not in medical.DETACHED)
        raise Problem(f"{path.name} has no ending that can be written here; choose one of {known}.")
    return ending


def meant_by(typed: str, ending: str, folder: Path) -> Path:
    """The file that is meant by what somebody typed.

    Parameters
    ----------
    typed : str
    ending : str
        Of a name that has none that is known.
    folder : Path
        Where it lies if no other folder was typed.

    Raises
    ------
    Problem
        If that is only a folder.
    """
    path = folder / os.path.expanduser(typed.strip())
    if formats.ending_of(path, ENDINGS):
        return path
    if path.is_dir():
        raise Problem(f"{path} is a folder; give the file in it a name.")
    return path.with_name(path.name.rstrip(".") + ending)


def stem_of(path: Path) -> str:
    """A file's name without the ending by which its format is known."""
    return path.name[: len(path.name) - len(formats.ending_of(path, ENDINGS))]


def beside(path: Path, what: str) -> Path:
    """The name of a second file of the same export: ``x.nii.gz`` → ``x_what.nii.gz``.

    Formats that hold only structures give way to NIfTI.
    """
    ending = check_ending(path)
    if ending in (*dicom_seg.SUFFIXES, *surface.SUFFIXES, ".csv", ".seg.nrrd"):
        ending = ".nii.gz"
    return path.with_name(f"{stem_of(path)}_{what}{ending}")


def as_structures(prediction: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Labels as other programs have them: 0 = background or nothing, 1… = structures."""
    labels: NDArray[np.uint8] = np.maximum(prediction, 1) - 1
    return labels


def structures_of(classes: Iterable[Label]) -> tuple[Label, ...]:
    """The class table that goes with `as_structures`."""
    return tuple(c.model_copy(update={"label": c.label - 1}) for c in classes if c.label > 1)


def write_measures(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Write a table of volumes as CSV."""
    write_table(path, COLUMNS, rows)


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table as CSV (RFC 4180, UTF-8, lines ended by CR LF).

    Raises
    ------
    Problem
        If the folder cannot be written.
    """
    with whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
