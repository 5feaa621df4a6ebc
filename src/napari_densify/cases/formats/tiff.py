"""TIFF and OME-TIFF stacks through tifffile."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import tifffile

from napari_densify.cases.volume import Triple, Volume

SUFFIXES = (".tif", ".tiff")


def read(path: Path) -> Volume:
    """Read the first series; spacing from what ImageJ or OME wrote, if one of them did."""
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        data = series.asarray()
        if series.axes == "ZCYX":
            data = np.moveaxis(data, 1, 0)
        return Volume(data, _spacing(file), name=path.name)


def write(path: Path, labels: Volume) -> None:
    """Write an ImageJ stack with its spacing."""
    z, y, x = labels.spacing
    tifffile.imwrite(
        path,
        labels.data,
        imagej=True,
        resolution=(1 / x, 1 / y),
        metadata={"spacing": z, "unit": "um", "axes": "ZYX"},
        compression="zlib",
    )


def _spacing(file: tifffile.TiffFile) -> Triple:
    if file.ome_metadata:
        pixels = ElementTree.fromstring(file.ome_metadata).find("{*}Image/{*}Pixels")
        sizes = {} if pixels is None else pixels.attrib
        z, y, x = (float(sizes.get(f"PhysicalSize{axis}", 1.0)) or 1.0 for axis in "ZYX")
        return z, y, x
    if file.imagej_metadata is None:
        # Other programs mean dots per inch of a page, which say nothing about the slices.
        return 1.0, 1.0, 1.0
    tags = file.pages.first.tags
    depth = file.imagej_metadata.get("spacing", 1.0)
    return float(depth) or 1.0, _step(tags, "YResolution"), _step(tags, "XResolution")


def _step(tags: tifffile.TiffTags, name: str) -> float:
    pixels, length = tags[name].value if name in tags else (1, 1)
    return length / pixels if length and pixels else 1.0
