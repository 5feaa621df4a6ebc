"""Which image a case is of, and what of it goes in: by its voxels, wherever it lies now."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_densify.cases.choice import Axes, Choice
from napari_densify.cases.sizes import VoxelSize
from napari_densify.cases.volume import Volume, check_image

LARGEST = 2**36
"""Most voxels of a volume that a project is believed to be of: 4096³."""
DICOM = (".dcm", ".ima", ".dicom")
MOST_NAMES, MOST_OPENED = 4096, 8
"""Files of a folder whose names are looked at, and which are opened, to see whether it is DICOM."""

Side = Annotated[int, Field(ge=1, le=2**20)]
Length = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Part(BaseModel):
    """A part of a project's description: what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Channel(Part):
    """An image that is one channel of a volume; see `ImageReference` for its fields."""

    path: str = ""
    content: str = ""

    def find(self, project: Path) -> Path | None:
        """Where the image is, if it still is there."""
        return _found(self.path, project)


class ImageReference(Part):
    """Which image a project belongs to, and what of it goes in.

    Attributes
    ----------
    path : str
        Its file or folder: beside the project just the name, else absolute; empty if it came
        from none, or from DICOM files, whose names often are a patient's.
    shape : (3,) ints
        Voxels along z, y, x.
    channels : int
    spacing : (3,) floats
        Voxel size along z, y, x.
    unit : str
        Of that, see `Volume`; "" if not known, as in older projects.
    content : str
        SHA-256 of the voxels that go in, by which a moved image is known again.
    axes : str
        Of the image as it was opened, see `Choice`; empty for (c)zyx.
    chosen : tuple of ints
        Which of its channels go in; () for all.
    frame : int or None
        Which frame of a time series it is.
    stack : tuple of Channel
        Where each channel is an image of its own: those, in order.
    """

    path: str = ""
    shape: tuple[Side, Side, Side]
    channels: int = Field(1, ge=1, le=4096)
    spacing: tuple[Length, Length, Length]
    unit: str = ""
    content: str = ""
    axes: Axes | Literal[""] = ""
    chosen: tuple[Annotated[int, Field(ge=0, le=4096)], ...] = Field((), max_length=4096)
    frame: int | None = Field(None, ge=0, le=2**31)
    stack: tuple[Channel, ...] = Field((), max_length=4096)

    @property
    def choice(self) -> Choice:
        """The part of its image that goes in."""
        whole: Axes = "zyx" if self.channels == 1 or self.stack else "czyx"
        return Choice(self.axes or whole, self.chosen, self.frame or 0)

    @property
    def voxels(self) -> VoxelSize:
        """How large its voxels are."""
        return VoxelSize(self.spacing, self.unit)

    def part_of(self, image: Volume) -> Volume:
        """What of an image goes in, with voxels as they were painted on.

        Raises
        ------
        Problem
            If there is no such part.
        """
        data = self.choice.take(image.data, image.name)
        check_image(data, image.name)
        return replace(self.measured(image), data=data, choice=self.choice)

    def measured(self, image: Volume) -> Volume:
        """With voxels as they were painted on: a reader may think otherwise of their size."""
        # Older projects did not keep the unit.
        unit = image.unit if np.allclose(image.spacing, self.spacing) else ""
        return replace(image, spacing=self.spacing, unit=self.unit or unit)

    @model_validator(mode="after")
    def _credible(self) -> Self:
        z, y, x = self.shape
        if z * y * x > LARGEST:
            raise ValueError(f"{z} × {y} × {x} voxels")
        return self

    def find(self, project: Path) -> Path | None:
        """Where the image is, if it still is there."""
        return _found(self.path, project)


def describe(
    volume: Volume,
    path: Path | None,
    content: str = "",
    stack: Sequence[tuple[Path | None, str]] = (),
) -> ImageReference:
    """The reference a project keeps of its image; paths absolute, see `beside`.

    Names of DICOM files and folders often are a patient's, so they are not kept.

    Parameters
    ----------
    volume : Volume
    path : Path or None
        The image's file or folder.
    content : str
        The volume's `content_hash`.
    stack : sequence of (path, content hash)
        Of the images that are the volume's channels, if it is made of several.
    """
    choice = volume.choice
    return ImageReference(
        path=_kept(path),
        content=content,
        shape=volume.shape,
        channels=volume.channels.shape[0],
        spacing=volume.spacing,
        unit=volume.unit,
        axes="" if choice.axes == "zyx" else choice.axes,
        chosen=choice.channels,
        frame=choice.moment,
        stack=tuple(Channel(path=_kept(p), content=c) for p, c in stack),
    )


def beside(image: ImageReference, project: Path) -> ImageReference:
    """The reference with paths that hold when images and project are moved together."""

    def short(kept: str) -> str:
        path = Path(kept)
        near = os.path.dirname(os.path.abspath(path)) == os.path.dirname(os.path.abspath(project))
        return path.name if kept and near else kept

    stack = tuple(c.model_copy(update={"path": short(c.path)}) for c in image.stack)
    return image.model_copy(update={"path": short(image.path), "stack": stack})


def is_dicom(path: Path) -> bool:
    """Whether an image is a DICOM file or a folder of them, whose names often are a patient's."""
    if path.is_dir():
        with os.scandir(path) as entries:
            found = [Path(entry.path) for entry in itertools.islice(entries, MOST_NAMES)]
        named = any(each.suffix.lower() in DICOM for each in found)
        return named or any(map(_looks_dicom, found[:MOST_OPENED]))
    return _looks_dicom(path)


def _found(kept: str, project: Path) -> Path | None:
    path = project.absolute().parent / kept
    return path if kept and path.exists() else None


def _kept(path: Path | None) -> str:
    return os.path.abspath(path) if path and not is_dicom(path) else ""


def _looks_dicom(path: Path) -> bool:
    if path.suffix.lower() in DICOM:
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"
