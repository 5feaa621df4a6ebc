"""NIfTI, NRRD and MetaImage through SimpleITK, with geometry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its own documentation's abbreviation

from napari_densify.cases.volume import Volume

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")


def read(path: Path) -> Volume:
    """Read an image; SimpleITK's x, y, z geometry becomes z, y, x."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    image = reader.Execute()
    data = sitk.GetArrayFromImage(image)
    if image.GetNumberOfComponentsPerPixel() > 1:
        data = np.moveaxis(data, -1, 0)
    if image.GetDimension() != 3:
        return Volume(data, name=path.name)
    z, y, x = image.GetSpacing()[::-1]
    oz, oy, ox = image.GetOrigin()[::-1]
    direction = np.reshape(image.GetDirection(), (3, 3))[::-1, ::-1]
    return Volume(data, (z, y, x), (oz, oy, ox), direction, path.name)


def write(path: Path, labels: Volume) -> None:
    """Write a volume so that its voxels lie where the image's do."""
    image = sitk.GetImageFromArray(labels.data)
    image.SetSpacing(labels.spacing[::-1])
    image.SetOrigin(labels.origin[::-1])
    image.SetDirection(labels.direction[::-1, ::-1].ravel().tolist())
    sitk.WriteImage(image, str(path), useCompression=True)
