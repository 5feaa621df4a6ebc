"""How large the voxels of an image are, beside those that a project's network has learned from."""

from __future__ import annotations

from dataclasses import dataclass

from napari_densify.cases.problem import Problem
from napari_densify.cases.units import factor_between

FARTHEST = 50.0
"""How many times as long or as short a voxel may be along an axis. Beyond that a unit is wrong, and
brought to the network's voxels an image would be a single one, or take more memory than is there.
"""


@dataclass(frozen=True)
class VoxelSize:
    """How large voxels are.

    Attributes
    ----------
    spacing : (3,) floats
        Along z, y, x.
    unit : str
        See `Volume`; "" if not known.
    """

    spacing: tuple[float, float, float]
    unit: str = ""

    @property
    def measured(self) -> bool:
        """Whether anybody has said how large they are."""
        return bool(self.unit) or self.spacing != (1.0, 1.0, 1.0)

    def in_unit(self, unit: str) -> VoxelSize:
        """The same size in another unit, where both are known."""
        factor = factor_between(self.unit, unit)
        if factor is None:
            return self
        z, y, x = self.spacing
        return VoxelSize((z * factor, y * factor, x * factor), unit)

    def beside(self, wanted: VoxelSize, name: str) -> VoxelSize:
        """What a network that works on voxels of another size is to take these for.

        That is their size in its unit, where both are known; those that nobody has measured are
        taken for just as large as its own.

        Parameters
        ----------
        wanted : VoxelSize
        name : str
            The image's, for the sentence.

        Raises
        ------
        Problem
            If they are so much larger or smaller that one of the units must be wrong.
        """
        if not self.measured:
            return wanted
        mine = self.in_unit(wanted.unit)
        ratios = [s / w for s, w in zip(mine.spacing, wanted.spacing, strict=True)]
        worst = max(ratios, key=lambda ratio: max(ratio, 1 / ratio))
        if max(worst, 1 / worst) > FARTHEST:
            times = f"{worst:,.0f} times larger" if worst > 1 else f"{1 / worst:,.0f} times smaller"
            raise Problem(
                f"The voxels of “{name}” ({self}) are {times} than the project's ({wanted}); "
                "is its voxel size right, and its unit?"
            )
        return mine

    def __str__(self) -> str:
        sizes = " × ".join(f"{size:g}" for size in self.spacing)
        return f"{sizes} {self.unit}" if self.unit else f"{sizes}, no unit"
