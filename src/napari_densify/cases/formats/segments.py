"""Segments of 3D Slicer: which number in a label image is which structure, and its colour."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its own documentation's abbreviation
from numpy.typing import NDArray

from napari_densify.cases.formats import check_slices, read_label_image
from napari_densify.cases.labels import LAST_LABEL
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label
from napari_densify.cases.volume import Volume

_KEY = re.compile(r"Segment(\d+)_LabelValue")


def read_segments(path: Path) -> tuple[Volume, list[Label]]:
    """Read a label image, and what its numbers are where the file says so.

    Segments of a `.seg.nrrd` that overlap lie in layers; where two meet the later one counts.

    Parameters
    ----------
    path : Path
        A `.seg.nrrd`, or any other image, of which nothing is said then.

    Returns
    -------
    labels : Volume
        With the numbers that the segments have here.
    segments : list of Label
        Name, colour and number of each.

    Raises
    ------
    Problem
        If there is no such file or it cannot be read.
    """
    labels = read_label_image(path)
    if not path.name.lower().endswith(".seg.nrrd"):
        check_slices(labels)
        return labels, []
    try:
        return _told(labels, _metadata(path))
    except (IndexError, ValueError, KeyError) as error:
        raise Problem(
            f"What {path.name} says of its segments does not fit its voxels; save it anew in 3D "
            "Slicer."
        ) from error


def _told(labels: Volume, said: dict[str, str]) -> tuple[Volume, list[Label]]:
    segments, data = [], np.zeros(labels.shape, np.uint8)
    layers: NDArray[np.generic] = labels.channels
    numbers = sorted(int(m[1]) for key in said if (m := _KEY.fullmatch(key)))
    for number, segment in enumerate(numbers[:LAST_LABEL], start=1):
        prefix = f"Segment{segment}_"
        layer = int(said.get(f"{prefix}Layer", 0))
        data[layers[layer] == int(said[f"{prefix}LabelValue"])] = number
        name = said.get(f"{prefix}Name", f"structure {number}")
        colour = _colour(said.get(f"{prefix}Color", ""))
        segments.append(Label(label=number, name=name, colour=colour))
    return (labels.like(data), segments) if segments else (labels, [])


def _metadata(path: Path) -> dict[str, str]:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    return {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}


def _colour(text: str) -> str:
    """From three shares of 1 to hexadecimal digits; nothing where it is none."""
    try:
        shares = [min(max(float(part), 0.0), 1.0) for part in text.split()]
    except ValueError:
        return ""
    return "#" + "".join(f"{round(255 * s):02x}" for s in shares) if len(shares) == 3 else ""
