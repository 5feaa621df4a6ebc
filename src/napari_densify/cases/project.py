"""What `project.json` holds: the image a project is for, its classes and settings."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_densify.cases import disk
from napari_densify.cases.choice import Axes, Choice
from napari_densify.cases.labels import LAST_LABEL
from napari_densify.cases.problem import Problem
from napari_densify.cases.seal import seal, unseal
from napari_densify.cases.sizes import VoxelSize
from napari_densify.cases.volume import Volume

SUFFIX = ".densify"
SCHEMA = 3
SEALED = 2
"""The first version with checksums; what came since are fields that older projects do without."""
LARGEST = 2**36
"""Most voxels of a volume that a project is believed to be of: 4096³."""
WIDTHS = (16, 32, 64)
"""Channels of a new project's network below full resolution. Steps take .7 of the time that they
take with 32, 64 and 96, and bring the same Dice, see docs/method.md."""
DICOM = (".dcm", ".ima", ".dicom")

Side = Annotated[int, Field(ge=1, le=2**20)]
Length = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Channel(_Part):
    """An image that is one channel of a volume; see `ImageReference` for its fields."""

    path: str = ""
    content: str = ""

    def find(self, project: Path) -> Path | None:
        """Where the image is, if it still is there."""
        return _found(self.path, project)


class ImageReference(_Part):
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

    @model_validator(mode="after")
    def _credible(self) -> Self:
        z, y, x = self.shape
        if z * y * x > LARGEST:
            raise ValueError(f"{z} × {y} × {x} voxels")
        return self

    def find(self, project: Path) -> Path | None:
        """Where the image is, if it still is there."""
        return _found(self.path, project)


class Label(_Part):
    """A row of the class table, which has them in this order.

    Attributes
    ----------
    visible : bool
        Whether the window draws it.
    locked : bool
        Whether what is painted of it stays, whatever is painted over it.
    """

    label: int = Field(ge=1, le=LAST_LABEL)
    name: str
    colour: str = Field("", pattern=r"^(#[0-9a-fA-F]{6})?$")
    visible: bool = True
    locked: bool = False

    @property
    def rgb(self) -> tuple[int, int, int] | None:
        """The colour as three numbers of 0 to 255, if it has one."""
        values = bytes.fromhex(self.colour[1:])
        return (values[0], values[1], values[2]) if values else None


class Learning(_Part):
    """How the project's network learns.

    Attributes
    ----------
    strength : float
        Strength of corrections, see `cases.weight`.
    widths : tuple of ints
        Channels of the network below full resolution; () in older projects, whose networks
        had 32, 64 and 96.
    spacing : tuple of floats
        Voxel size (zyx) that the network works on; () for that of the project's first image.
    unit : str
        Of that; "" if not known.
    live : bool
        Whether it goes on by itself; else it learns once at a press.
    folded : dict
        Labels that the network learned and that are not told apart any more: the class that they
        count as now, 0 for none.
    """

    strength: float = Field(1.0, ge=0, le=10)
    widths: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field((), max_length=8)
    spacing: tuple[Length, Length, Length] | tuple[()] = ()
    unit: str = ""
    live: bool = True
    folded: dict[int, Annotated[int, Field(ge=0, le=LAST_LABEL)]] = Field({}, max_length=LAST_LABEL)


class Project(_Part):
    """The description of a project; what it describes lies beside it, see `cases.folder`."""

    schema_version: Literal[2, 3] = 3
    image: ImageReference
    classes: tuple[Label, ...] = Field(max_length=LAST_LABEL)
    learning: Learning = Learning()

    @property
    def voxels(self) -> VoxelSize:
        """What its network works on: voxels of the first image, or of a model it began with."""
        image, learning = self.image.voxels, self.learning
        if not learning.spacing or (not learning.unit and learning.spacing == image.spacing):
            return image  # older projects did not keep the unit
        return VoxelSize(learning.spacing, learning.unit)

    @property
    def became(self) -> dict[int, int]:
        """What labels of classes that are gone count as now; 0: nothing is known there."""
        there = {row.label for row in self.classes}
        became = {}
        for label in self.learning.folded.keys() - there:
            seen, now = {label}, self.learning.folded[label]
            while now not in there and now not in seen:
                seen.add(now)
                now = self.learning.folded.get(now, 0)
            became[label] = now if now in there else 0
        return became

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a project's description.

        Raises
        ------
        Problem
            If the folder is no project, of another version, or its description is damaged.
        """
        file = folder / "project.json"
        version = schema_of(folder)
        if version > SCHEMA:
            raise Problem(
                f"{folder} was made by a newer napari-densify (schema {version}); update "
                "napari-densify, then open it again."
            )
        try:
            return unseal(file.read_bytes(), cls)
        except (ValueError, OSError) as error:
            raise _damaged(file) from error

    def write(self, folder: Path) -> None:
        """Write the description in the place of the one before.

        Raises
        ------
        OSError
            If it cannot be written; the one before is there then.
        """
        present = self.model_copy(update={"schema_version": SCHEMA})
        disk.replace(folder / "project.json", (seal(present, indent=2) + "\n").encode())


def schema_of(folder: Path) -> int:
    """The schema version that a project's description names.

    Raises
    ------
    Problem
        If the folder is no project or its description is damaged.
    """
    file = folder / "project.json"
    if not file.is_file():
        raise Problem(f"{folder} is not a Densify project; choose a NAME{SUFFIX} folder.")
    try:
        version = json.loads(file.read_bytes())["schema_version"]
    except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        raise _damaged(file) from error
    if not isinstance(version, int) or version < 1:
        raise _damaged(file)
    return version


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
        frame=choice.frame if choice.in_time else None,
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
            return any(_looks_dicom(Path(entry.path)) for entry in itertools.islice(entries, 8))
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


def _damaged(file: Path) -> Problem:
    return Problem(f"{file} is damaged; put it back from a backup. The project was left as it is.")
