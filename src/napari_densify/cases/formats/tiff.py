"""TIFF and OME-TIFF stacks through tifffile."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_densify.cases.formats.room import check_room
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label
from napari_densify.cases.units import in_one
from napari_densify.cases.volume import Triple, Volume

SUFFIXES = (".ome.tiff", ".ome.tif", ".tif", ".tiff")
UNITS = {
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns", "micrometer"), "micrometer"),
    **dict.fromkeys(("mm", "millimeter"), "millimeter"),
    **dict.fromkeys(("nm", "nanometer"), "nanometer"),
    **dict.fromkeys(("cm", "centimeter"), "centimeter"),
    **dict.fromkeys(("m", "meter"), "meter"),
}
SHORT = {
    "nanometer": ("nm", 1.0),
    "micrometer": ("um", 1.0),
    "millimeter": ("mm", 1.0),
    "centimeter": ("cm", 1.0),
    "meter": ("cm", 100.0),
    "angstrom": ("nm", 0.1),
}
"""The unit in which a length is written, and how many of them one of these is."""
NO_UNIT = ("pixel", 1.0)
ORDER = "TCZYX"
"""Of the axes here; files have them in any."""
AFFINE = "napari-densify affine"
"""Key in the notes of ImageJ and OME under which our files keep where they lie: neither has a place
for it."""


def read(path: Path) -> Volume:
    """Read the first series; spacing from what ImageJ or OME wrote, if one of them did.

    Raises
    ------
    EOFError
        If the file is cut short, see `check_room`.
    Problem
        If an OME-TIFF lacks what OME wrote, or the image is larger than this machine's memory.
    """
    with tifffile.TiffFile(path) as file:
        if path.name.lower().endswith((".ome.tif", ".ome.tiff")) and not file.ome_metadata:
            raise Problem(
                f"{path.name} is named like an OME-TIFF but does not say how large its voxels are; "
                "is it cut short? As .tif it can be read without."
            )
        series = file.series[0]
        packed = file.pages.first.compression != 1
        check_room(path.name, series.shape, series.dtype.itemsize, path.stat().st_size, packed)
        data = series.asarray()
        if "Z" in series.axes and set(series.axes) <= set(ORDER):
            data = data.transpose([series.axes.index(a) for a in ORDER if a in series.axes])
        spacing, unit = _size(file)
        affine = _affine(file)
        volume = Volume(data, spacing, name=path.name, unit=unit, located=bool(affine))
        return volume.placed(np.array(json.loads(affine))) if affine else volume


def voxel_size(path: Path) -> Triple:
    """Size of the voxels along z, y, x; ones where the file names none."""
    with tifffile.TiffFile(path) as file:
        return _size(file)[0]


def write(path: Path, volume: Volume, classes: Sequence[Label] = ()) -> None:
    """Write an OME-TIFF by that ending, else an ImageJ stack, with spacing."""
    data, axes = volume.data, "ZYX"
    if data.ndim == 4:
        data, axes = np.moveaxis(data, 0, 1), "ZCYX"
    if path.name.lower().endswith((".ome.tif", ".ome.tiff")):
        _write_ome(path, volume, data, axes, [c.name for c in classes])
    else:
        _write_imagej(path, volume, data, axes)


def _placed(volume: Volume, factor: float) -> str:
    """Where a volume lies, in the unit in which its lengths are written."""
    affine = np.diag([factor, factor, factor, 1.0]) @ volume.affine
    return json.dumps(affine.tolist())


def _affine(file: tifffile.TiffFile) -> str:
    """What `_placed` has written; "" in files of other programs."""
    if file.ome_metadata:
        root = ElementTree.fromstring(file.ome_metadata)
        return root.findtext(f".//{{*}}MapAnnotation/{{*}}Value/{{*}}M[@K='{AFFINE}']") or ""
    notes = (file.imagej_metadata or {}).get("Info", "").partition(f"{AFFINE} = ")[2]
    return notes.splitlines()[0] if notes else ""


def _write_imagej(path: Path, volume: Volume, data: NDArray[np.generic], axes: str) -> None:
    unit, factor = SHORT.get(volume.unit, NO_UNIT)
    z, y, x = (size * factor for size in volume.spacing)
    tifffile.imwrite(
        path,
        data,
        imagej=True,
        resolution=(1 / x, 1 / y),
        metadata={
            "spacing": z,
            "unit": unit,
            "axes": axes,
            "Info": f"{AFFINE} = {_placed(volume, factor)}\n",
        },
        compression="zlib",
    )


def _write_ome(
    path: Path, volume: Volume, data: NDArray[np.generic], axes: str, names: list[str]
) -> None:
    metadata: dict[str, Any] = {"axes": axes}
    unit, factor = SHORT.get(volume.unit, NO_UNIT)
    for axis, size in zip("ZYX", volume.spacing, strict=True):
        metadata[f"PhysicalSize{axis}"] = size * factor
        metadata[f"PhysicalSize{axis}Unit"] = unit.replace("um", "µm")
    metadata["MapAnnotation"] = {AFFINE: _placed(volume, factor)}
    if axes == "ZCYX" and names:
        metadata["Channel"] = {"Name": names}
    tifffile.imwrite(
        path, data, ome=True, photometric="minisblack", metadata=metadata, compression="zlib"
    )


def _size(file: tifffile.TiffFile) -> tuple[Triple, str]:
    return _ome(file) if file.ome_metadata else _imagej(file)


def _ome(file: tifffile.TiffFile) -> tuple[Triple, str]:
    pixels = ElementTree.fromstring(file.ome_metadata or "").find("{*}Image/{*}Pixels")
    said = {} if pixels is None else pixels.attrib
    sizes = [_length(said.get(f"PhysicalSize{axis}", 1.0)) for axis in "ZYX"]
    # OME's own default where a size comes without a unit.
    default = "µm" if "PhysicalSizeX" in said else ""
    named = (said.get(f"PhysicalSize{axis}Unit", default) for axis in "ZYX")
    factors, unit = in_one([UNITS.get(each, "") for each in named])
    z, y, x = (size * factor for size, factor in zip(sizes, factors, strict=True))
    return (z, y, x), unit


def _imagej(file: tifffile.TiffFile) -> tuple[Triple, str]:
    said = file.imagej_metadata
    if said is None:
        # Other programs mean dots per inch of a page, which say nothing about the slices.
        return (1.0, 1.0, 1.0), ""
    tags = file.pages.first.tags
    spacing = (
        _length(said.get("spacing", 1.0)),
        _step(tags, "YResolution"),
        _step(tags, "XResolution"),
    )
    return spacing, UNITS.get(str(said.get("unit", "")).replace("\\u00B5", "µ"), "")


def _length(said: Any) -> float:
    """A voxel's side: ImageJ writes it negative where slices were taken downwards, some write 0."""
    length = abs(float(said))
    return length if math.isfinite(length) and length else 1.0


def _step(tags: tifffile.TiffTags, name: str) -> float:
    pixels, length = tags[name].value if name in tags else (1, 1)
    return length / pixels if length and pixels else 1.0
