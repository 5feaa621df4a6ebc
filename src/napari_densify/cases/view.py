"""How a project was last looked at, so that it comes back the same way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_densify.cases import disk
from napari_densify.cases.labels import LAST_LABEL
from napari_densify.cases.seal import seal, unseal

Number = Annotated[float, Field(allow_inf_nan=False)]
Angle = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Axis = Annotated[int, Field(ge=0, le=2)]


class Pose(BaseModel):
    """How the oblique plane lay, see `ObliquePlane`, and whether it was shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tilt: Angle
    turn: Angle
    offset: Number
    shown: bool


class View(BaseModel):
    """Which slice is shown, from where, and what the user was about to do.

    Attributes
    ----------
    order : (3,) ints
        The axes z, y, x in the order they are shown: the last two fill the canvas.
    point : (3,) floats
        World position along z, y, x of the slices.
    ndisplay : int
        2 for slices, 3 for the volume.
    centre, angles : (3,) floats
        The camera's, in world units and degrees.
    zoom : float
        Canvas pixels for each world unit.
    label : int
        The class picked to paint with.
    training : bool
        Whether the user lets it learn.
    oblique : Pose or None
        The oblique plane's; None if there never was one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    order: tuple[Axis, Axis, Axis] = (0, 1, 2)
    point: tuple[Number, Number, Number]
    ndisplay: Literal[2, 3] = 2
    centre: tuple[Number, Number, Number]
    angles: tuple[Number, Number, Number] = (0.0, 0.0, 90.0)
    zoom: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    label: int = Field(2, ge=1, le=LAST_LABEL)
    training: bool = True
    oblique: Pose | None = None

    @model_validator(mode="after")
    def _every_axis_once(self) -> Self:
        if sorted(self.order) != [0, 1, 2]:
            raise ValueError(f"the axes {self.order}")
        return self


def write_view(folder: Path, view: View) -> None:
    """Write a view in the place of the one before.

    Raises
    ------
    OSError
        If it cannot be written; the one before is there then.
    """
    disk.replace(folder / "view.json", (seal(view, indent=2) + "\n").encode())


def read_view(folder: Path) -> View | None:
    """The view that was last written; None if there is none that can be read."""
    try:
        return unseal((folder / "view.json").read_bytes(), View)
    except (OSError, ValueError):
        return None
