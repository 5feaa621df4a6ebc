"""Slices of a volume: which axis they are across, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.volume import Shape

ORIENTATIONS = {"xy": 0, "xz": 1, "yz": 2}
"""Name of an orientation → array axis that its planes are across (zyx)."""


@dataclass(frozen=True)
class Plane:
    """The slice at ``position`` across array axis ``axis`` (0 = z, 1 = y, 2 = x)."""

    axis: int
    position: int

    @property
    def orientation(self) -> str:
        """`xy`, `xz` or `yz`."""
        return next(name for name, axis in ORIENTATIONS.items() if axis == self.axis)

    def index(self) -> tuple[slice | int, ...]:
        """What to index a (…, z, y, x) array with to get the slice, a view."""
        key: list[Any] = [slice(None)] * 3
        key[self.axis] = self.position
        return (Ellipsis, *key)

    def take(self, array: NDArray[Any]) -> NDArray[Any]:
        """The plane's 2-D slice of a (z, y, x) array, as a view."""
        view: NDArray[Any] = array[self.index()]
        return view

    def voxels(self, mask: NDArray[np.bool_], shape: Shape) -> NDArray[np.int64]:
        """Flat indices (C order) into a volume of `shape` of the slice's marked pixels.

        Parameters
        ----------
        mask : 2-D bool array
            The shape of `take`'s result.
        shape : (3,) ints
            The volume's size along z, y, x.
        """
        return self.to_volume(np.argwhere(mask), shape)

    def to_volume(self, pixels: NDArray[np.int64], shape: Shape) -> NDArray[np.int64]:
        """Flat voxel indices of (n, 2) pixel coordinates on the plane."""
        zyx = np.insert(pixels, self.axis, self.position, axis=1)
        voxels: NDArray[np.int64] = np.ravel_multi_index(tuple(zyx.T), shape).astype(np.int64)
        return voxels
