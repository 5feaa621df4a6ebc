"""NIfTI, NRRD and MetaImage through SimpleITK, with geometry."""

from __future__ import annotations

import gzip
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its own documentation's abbreviation
from numpy.typing import NDArray

from napari_densify.cases.formats.room import bytes_in, check_room
from napari_densify.cases.project import Label
from napari_densify.cases.volume import Volume

SUFFIXES = (".nii.gz", ".nii", ".seg.nrrd", ".nrrd", ".nhdr", ".mha", ".mhd")
NIFTI = (".nii.gz", ".nii")
NIFTI_HEADER = 352
"""Bytes before the voxels."""
_BY = {".nii": "NiftiImageIO", "nrrd": "NrrdImageIO", "nhdr": "NrrdImageIO"}
"""SimpleITK's readers by the last letters of a name; it would try them all on any file."""
DETACHED = (".nhdr", ".mhd")
"""Headers whose voxels are in a file of their own."""
MILLIMETRES = "millimeter"
NIFTI_UNITS = {"meter": 1, MILLIMETRES: 2, "micrometer": 3}
"""Codes of the units that NIfTI knows, in the three lowest bits of a byte of the header."""
NIFTI_UNITS_AT = 123
NIFTI_STANDS_FOR = {"centimeter": MILLIMETRES, "nanometer": "micrometer", "angstrom": "micrometer"}
"""What is measured instead in units that it does not know."""


def read(path: Path) -> Volume:
    """Read an image; SimpleITK's x, y, z geometry becomes z, y, x.

    A fourth dimension and the components of a voxel are channels.
    """
    reader = sitk.ImageFileReader()
    plain = path.name.lower().removesuffix(".gz")
    reader.SetImageIO(_BY.get(plain[-4:], "MetaImageIO"))
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    _check_header(path, reader)
    return from_image(reader.Execute(), path.name)


def from_image(image: sitk.Image, name: str) -> Volume:
    """A volume from SimpleITK's image."""
    data = sitk.GetArrayFromImage(image)
    colour = data.dtype == np.uint8 and image.GetNumberOfComponentsPerPixel() in (3, 4)
    colour &= not name.lower().endswith(".seg.nrrd")  # those are layers of segments
    if image.GetNumberOfComponentsPerPixel() > 1 and not colour:
        data = np.moveaxis(data, -1, 0)
    dimension = image.GetDimension()
    if dimension not in (3, 4):
        return Volume(data, name=name)
    z, y, x = image.GetSpacing()[2::-1]
    oz, oy, ox = image.GetOrigin()[2::-1]
    direction = np.reshape(image.GetDirection(), (dimension, dimension))[2::-1, 2::-1]
    return Volume(data, (z, y, x), (oz, oy, ox), direction, name, MILLIMETRES)


def to_image(volume: Volume) -> sitk.Image:
    """SimpleITK's image of a volume, each voxel where it was; channels as a fourth dimension."""
    image = sitk.JoinSeries([_one_channel(volume, data) for data in volume.channels])
    return image if volume.data.ndim == 4 else image[..., 0]


def write(path: Path, volume: Volume, classes: Sequence[Label] = ()) -> None:
    """Write a volume so that its voxels lie where the image's do.

    NIfTI says in which unit; the other formats have only millimetres, and get the same numbers.
    """
    if path.name.lower().endswith(NIFTI):
        _write_nifti(path, volume)
        return
    image = to_image(volume)
    if path.name.lower().endswith(".seg.nrrd"):
        _describe_segments(image, volume, classes)
    sitk.WriteImage(image, str(path), useCompression=True)


def _write_nifti(path: Path, volume: Volume) -> None:
    volume = volume.in_unit(NIFTI_STANDS_FOR.get(volume.unit, volume.unit))
    image = to_image(volume)
    code = NIFTI_UNITS.get(volume.unit, NIFTI_UNITS[MILLIMETRES])
    packed = path.suffix.lower() == ".gz"
    # SimpleITK calls all numbers millimetres; in packed bytes that could not be mended.
    mend = code != NIFTI_UNITS[MILLIMETRES]
    plain = path.with_suffix("") if packed and mend else path
    try:
        sitk.WriteImage(image, str(plain), useCompression=True)
        # Its library says nothing where the disk is full.
        voxels = image.GetNumberOfPixels() * image.GetSizeOfPixelComponent()
        _check_complete(plain, NIFTI_HEADER + voxels)
        if mend:
            with plain.open("r+b") as file:
                file.seek(NIFTI_UNITS_AT)
                time = file.read(1)[0] & ~7
                file.seek(NIFTI_UNITS_AT)
                file.write(bytes([time | code]))
        if plain != path:
            with plain.open("rb") as file, gzip.open(path, "wb", compresslevel=6) as target:
                shutil.copyfileobj(file, target)
    finally:
        if plain != path:
            plain.unlink(missing_ok=True)


def _one_channel(volume: Volume, data: NDArray[np.generic]) -> sitk.Image:
    image = sitk.GetImageFromArray(data.astype(_known(data.dtype), copy=False))
    image.SetSpacing(volume.spacing[::-1])
    image.SetOrigin(volume.origin[::-1])
    image.SetDirection(volume.direction[::-1, ::-1].ravel().tolist())
    return image


def _known(dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """The type in which SimpleITK can hold such numbers."""
    others: dict[str, np.dtype[np.generic]] = {
        "bool": np.dtype(np.uint8),
        "float16": np.dtype(np.float32),
    }
    return others.get(dtype.name, dtype.newbyteorder("="))


def _describe_segments(image: sitk.Image, volume: Volume, classes: Sequence[Label]) -> None:
    """Names and colours as 3D Slicer keeps them in a segmentation's NRRD header."""
    extent = " ".join(f"0 {n - 1}" for n in volume.shape[::-1])
    for number, each in enumerate(classes):
        about = {
            "ID": f"Segment_{each.label}",
            "Name": each.name,
            "LabelValue": str(each.label),
            "Layer": "0",
            "Extent": extent,
        }
        if each.rgb is not None:
            about["Color"] = " ".join(f"{c / 255:.6f}" for c in each.rgb)
        for key, value in about.items():
            image.SetMetaData(f"Segment{number}_{key}", value)


def _check_header(path: Path, reader: sitk.ImageFileReader) -> None:
    """Refuse headers that cannot be true, and files that end early."""
    itemsize = sitk.Image([1, 1], reader.GetPixelID()).GetSizeOfPixelComponent()
    shape = (*reader.GetSize(), reader.GetNumberOfComponents())
    name = path.name.lower()
    stored = bytes_in(path.parent) if name.endswith(DETACHED) else path.stat().st_size
    if name.endswith(NIFTI):
        # Not the array's own size: scaled integers become floats when they are read.
        bits, begins = (float(reader.GetMetaData(key)) for key in ("bitpix", "vox_offset"))
        check_room(path.name, shape, 1, stored)
        _check_complete(path, int(begins + math.prod(shape) * bits / 8))
    check_room(path.name, shape, itemsize, stored)
    geometry = (*reader.GetSpacing(), *reader.GetOrigin(), *reader.GetDirection())
    if not np.isfinite(geometry).all() or min(reader.GetSpacing()) <= 0:
        raise ValueError("the geometry is not made of finite numbers")


def _check_complete(path: Path, expected: int) -> None:
    """Refuse what the NIfTI library takes without a word: a file that ends early, as zeros."""
    with (gzip.open if path.suffix.lower() == ".gz" else open)(path, "rb") as file:
        length = sum(map(len, iter(lambda: file.read(1 << 20), b"")))
    if length < expected:
        raise EOFError(f"{path} ends early")
