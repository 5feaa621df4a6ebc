"""What `project.json` holds: the image a project is for, its classes and settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field

from napari_densify.cases import disk
from napari_densify.cases.labels import LAST_LABEL
from napari_densify.cases.problem import Problem
from napari_densify.cases.reference import ImageReference, Length, Part
from napari_densify.cases.seal import seal, unseal
from napari_densify.cases.sizes import VoxelSize

SUFFIX = ".densify"
SCHEMA = 3
SEALED = 2
"""The first version with checksums; what came since are fields that older projects do without."""
WIDTHS = (16, 32, 64)
"""Channels of a new project's network below full resolution. Steps take .7 of the time that they
take with 32, 64 and 96, and bring the same Dice, see docs/measured/network.md."""


class Label(Part):
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


class Learning(Part):
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


class Project(Part):
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


def _damaged(file: Path) -> Problem:
    return Problem(f"{file} is damaged; put it back from a backup. The project was left as it is.")
