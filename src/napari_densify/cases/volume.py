"""One 3-D image with its place in the world."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_densify.cases.choice import WHOLE, Choice
from napari_densify.cases.problem import Problem
from napari_densify.cases.sizes import VoxelSize
from napari_densify.cases.units import factor_between

Shape = tuple[int, int, int]
Triple = tuple[float, float, float]


def _identity() -> NDArray[np.float64]:
    return np.eye(3)


@dataclass(frozen=True, eq=False)
class Volume:
    """A 3-D image of one or more channels.

    Parameters
    ----------
    data : (z, y, x) or (c, z, y, x) array
        Grey values of any integer, float or bool type.
    spacing : (3,) floats
        Distance between voxel centres along z, y, x in a physical unit.
    origin : (3,) floats
        Physical position (z, y, x) of the first voxel.
    direction : (3, 3) array
        Columns are the physical unit vectors (z, y, x) of the array's axes z, y, x.
    name : str
        What to call it; never a patient's name.
    unit : str
        Of spacing and origin: "millimeter", "micrometer", … as OME has them; "" if not known.
    choice : Choice
        Which part of its image it is.
    located : bool
        Whether origin and direction are known; most TIFFs tell only how large their voxels are.
    """

    data: NDArray[np.generic]
    spacing: Triple = (1.0, 1.0, 1.0)
    origin: Triple = (0.0, 0.0, 0.0)
    direction: NDArray[np.float64] = field(default_factory=_identity)
    name: str = "image"
    unit: str = ""
    choice: Choice = WHOLE
    located: bool = True

    @property
    def shape(self) -> Shape:
        """Size along z, y, x, without channels."""
        z, y, x = self.data.shape[-3:]
        return z, y, x

    @property
    def channels(self) -> NDArray[np.generic]:
        """The data as (c, z, y, x), a view."""
        return self.data if self.data.ndim == 4 else self.data[None]

    def like(self, data: NDArray[np.generic]) -> Volume:
        """Other values on the same grid, for instance a segmentation of this volume."""
        return replace(self, data=data)

    @property
    def affine(self) -> NDArray[np.float64]:
        """(4, 4) map of voxel indices (z, y, x, 1) to physical positions (z, y, x, 1)."""
        affine = np.eye(4)
        affine[:3, :3] = self.direction * self.spacing
        affine[:3, 3] = self.origin
        return affine

    def placed(self, affine: NDArray[np.float64]) -> Volume:
        """The same voxels where a map of their indices to physical positions puts them.

        Parameters
        ----------
        affine : (4, 4) array
            See `affine`. Of a sheared grid only spacing and origin are kept: neither images in
            files nor the network know others than right-angled ones.
        """
        columns = affine[:3, :3]
        z, y, x = (float(s) or 1.0 for s in np.linalg.norm(columns, axis=0))
        direction = columns / (z, y, x)
        if not np.allclose(direction.T @ direction, np.eye(3), atol=1e-4):
            direction = np.eye(3)
        oz, oy, ox = (float(o) for o in affine[:3, 3])
        return replace(self, spacing=(z, y, x), origin=(oz, oy, ox), direction=direction)

    def in_unit(self, unit: str) -> Volume:
        """The same volume measured in another unit, where both are known."""
        factor = factor_between(self.unit, unit)
        if factor is None:
            return self
        z, y, x = (position * factor for position in self.origin)
        size = self.voxels.in_unit(unit).spacing
        return replace(self, spacing=size, origin=(z, y, x), unit=unit)

    @property
    def voxels(self) -> VoxelSize:
        """How large its voxels are."""
        return VoxelSize(self.spacing, self.unit)

    @property
    def unplaced(self) -> bool:
        """Whether it is not known where it lies."""
        nothing = not self.unit and np.array_equal(self.affine, np.eye(4))
        return not self.located or nothing

    @property
    def upright(self) -> bool:
        """Whether the array's axes z, y, x are the world's, though perhaps flipped."""
        return bool(np.allclose(np.abs(self.direction), np.eye(3), atol=1e-6))


def content_hash(volume: Volume) -> str:
    """SHA-256 of the voxels, their type and shape, as hexadecimal digits."""
    data = np.ascontiguousarray(volume.data)
    digest = hashlib.sha256(f"{data.dtype.str}{data.shape}".encode())
    digest.update(data.view(np.uint8).reshape(-1).data)
    return digest.hexdigest()


def as_volume(data: ArrayLike, name: str = "image") -> Volume:
    """Check an array and wrap it as a volume that can be learned from.

    Parameters
    ----------
    data : (z, y, x) or (c, z, y, x) array
        Read into memory; one slice is enough.
    name : str
        Used in the sentences of the errors.

    Raises
    ------
    Problem
        If the image has another dimensionality, no voxels, or the same value everywhere.
    """
    array = np.asarray(data)
    check_image(array, name)
    return Volume(array, name=name)


def check_image(array: NDArray[np.generic], name: str) -> None:
    """Refuse with a sentence what no network can learn from.

    Raises
    ------
    Problem
        See `as_volume`.
    """
    if array.dtype.kind not in "biuf":
        raise Problem(f"“{name}” holds {array.dtype} values; choose an image of numbers.")
    if array.ndim == 2:
        raise Problem(f"“{name}” is 2-D; choose a 3-D volume.")
    if array.ndim not in (3, 4):
        raise Problem(f"“{name}” has {array.ndim} dimensions; choose a 3-D volume (z, y, x).")
    if array.shape[-1] in (3, 4) and array.dtype == np.uint8:
        raise Problem(f"“{name}” looks like an RGB image; choose a grey-value volume.")
    if 0 in array.shape:
        raise Problem(f"“{name}” is empty; choose a volume with voxels in it.")
    low, high = value_range(array)
    if not low < high:
        raise Problem(f"“{name}” has the same value everywhere; there is nothing to learn from.")


def value_range(array: NDArray[np.generic]) -> tuple[float, float]:
    """Lowest and highest finite value; (0, 0) where there is none."""
    if array.dtype.kind != "f":
        return array.min().item(), array.max().item()
    finite = np.isfinite(array)
    low = np.min(array, initial=np.inf, where=finite)
    high = np.max(array, initial=-np.inf, where=finite)
    return (float(low), float(high)) if low <= high else (0.0, 0.0)


def notes_on_values(volume: Volume) -> list[str]:
    """What is unusual about a volume's grey values, in sentences for the user."""
    if volume.data.dtype.kind != "f":
        return []
    odd = int(volume.data.size - np.count_nonzero(np.isfinite(volume.data)))
    if not odd:
        return []
    return [
        f"{odd:,} values of “{volume.name}” are NaN or infinite; NaN is taken for its lowest "
        "value, infinity for its highest."
    ]
