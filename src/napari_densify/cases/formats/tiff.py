"""TIFF and OME-TIFF stacks through tifffile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from napari_densify.cases.volume import Triple, Volume

SUFFIXES = (".tif", ".tiff")


def read(path: Path) -> Volume:
    """Read the first series; spacing from ImageJ's metadata and the resolution tags if there."""
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
    page = file.pages.first
    steps = []
    for tag in ("YResolution", "XResolution"):
        pixels, length = page.tags[tag].value if tag in page.tags else (1, 1)
        steps.append(length / pixels if pixels else 1.0)
    depth = (file.imagej_metadata or {}).get("spacing", 1.0)
    return float(depth), steps[0], steps[1]
