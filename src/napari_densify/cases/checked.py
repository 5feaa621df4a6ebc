"""Which slices the user has looked at and found right."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from napari_densify.cases import disk
from napari_densify.cases.plane import Plane
from napari_densify.cases.problem import Problem
from napari_densify.cases.seal import seal, unseal
from napari_densify.cases.volume import Shape

NAME = "checked.json"

Positions = tuple[Annotated[int, Field(ge=0, le=2**20)], ...]


class Checked(BaseModel):
    """The checked slices of a volume; never changed, only replaced.

    A slice stays checked whatever is painted on it: whoever paints there looks at it.

    Attributes
    ----------
    slices : three tuples of ints
        Their positions across z, y and x.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    slices: tuple[Positions, Positions, Positions] = ((), (), ())

    def __contains__(self, plane: Plane) -> bool:
        return plane.position in self.slices[plane.axis]

    def mark(self, plane: Plane, on: bool = True) -> Checked:
        """With that slice checked, or without."""
        positions = [set(each) for each in self.slices]
        if on:
            positions[plane.axis].add(plane.position)
        else:
            positions[plane.axis].discard(plane.position)
        z, y, x = (tuple(sorted(each)) for each in positions)
        return Checked(slices=(z, y, x))

    def within(self, shape: Shape) -> Checked:
        """Without those beyond a volume of that shape."""
        z, y, x = (
            tuple(sorted({p for p in positions if p < n}))
            for positions, n in zip(self.slices, shape, strict=True)
        )
        return Checked(slices=(z, y, x))

    def share(self, shape: Shape) -> float:
        """How much of a volume is checked: of the orientation in which most of it is, 0 to 1."""
        return max(len(each) / n for each, n in zip(self.slices, shape, strict=True))

    def next_after(self, plane: Plane, shape: Shape) -> Plane | None:
        """The next slice of its orientation that is not checked, from the start after the last.

        None if all others are checked.
        """
        length = shape[plane.axis]
        done = set(self.slices[plane.axis])
        for step in range(1, length):
            position = (plane.position + step) % length
            if position not in done:
                return Plane(plane.axis, position)
        return None


def write_checked(folder: Path, checked: Checked) -> None:
    """Write which slices are checked in the place of what was there before.

    Raises
    ------
    OSError
        If it cannot be written; what was there before is there then.
    """
    disk.replace(folder / NAME, (seal(checked) + "\n").encode())


def read_checked(folder: Path, shape: Shape) -> Checked:
    """Which slices are checked; none if nothing was ever written.

    Raises
    ------
    Problem
        If the file is damaged.
    """
    file = folder / NAME
    if not file.exists():
        return Checked()
    try:
        return unseal(file.read_bytes(), Checked).within(shape)
    except (OSError, ValueError) as error:
        raise Problem(f"{file.name} is damaged; which slices were checked is not known.") from error
