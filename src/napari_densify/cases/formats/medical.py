"""NIfTI, NRRD and MetaImage through SimpleITK, with geometry."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its own documentation's abbreviation

from napari_densify.cases.volume import Volume

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")


def read(path: Path) -> Volume:
    """Read an image; SimpleITK's x, y, z geometry becomes z, y, x.

    A fourth dimension and the components of a voxel are channels.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    image = reader.Execute()
    data = sitk.GetArrayFromImage(image)
    if path.name.lower().endswith((".nii", ".nii.gz")):
        # Not the array's own size: scaled integers become floats when they are read.
        _check_complete(path, image.GetNumberOfPixels() * int(image.GetMetaData("bitpix")) // 8)
    colour = data.dtype == np.uint8 and image.GetNumberOfComponentsPerPixel() in (3, 4)
    if image.GetNumberOfComponentsPerPixel() > 1 and not colour:
        data = np.moveaxis(data, -1, 0)
    dimension = image.GetDimension()
    if dimension not in (3, 4):
        return Volume(data, name=path.name)
    z, y, x = image.GetSpacing()[2::-1]
    oz, oy, ox = image.GetOrigin()[2::-1]
    direction = np.reshape(image.GetDirection(), (dimension, dimension))[2::-1, 2::-1]
    return Volume(data, (z, y, x), (oz, oy, ox), direction, path.name)


def _check_complete(path: Path, expected: int) -> None:
    """Refuse what the NIfTI library takes without a word: a file that ends early, as zeros."""
    with (gzip.open if path.suffix.lower() == ".gz" else open)(path, "rb") as file:
        length = sum(map(len, iter(lambda: file.read(1 << 20), b"")))
    if length < expected:
        raise EOFError(f"{path} ends early")


def write(path: Path, labels: Volume) -> None:
    """Write a volume so that its voxels lie where the image's do."""
    image = sitk.GetImageFromArray(labels.data)
    image.SetSpacing(labels.spacing[::-1])
    image.SetOrigin(labels.origin[::-1])
    image.SetDirection(labels.direction[::-1, ::-1].ravel().tolist())
    sitk.WriteImage(image, str(path), useCompression=True)
