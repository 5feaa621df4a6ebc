"""Which voxels an oblique plane passes through, and how it is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_densify.cases.oblique import ObliquePlane
from napari_densify.cases.volume import Shape, Triple

NUDGE = 1e-6
"""Share of a step by which planes are moved: one that ran exactly along the face between two
slices would belong to both."""
BAND = 32
"""Rows of pixels at a time: what is in between stays in the processor's cache."""


class DigitalPlane:
    """The voxels of a volume that an oblique plane passes through, and the pixels it is drawn with.

    With the normal n in index space, scaled to |n₁| + |n₂| + |n₃| = 1, they are the voxels v with
    |d − n·v| ≤ ½: the digital plane of L1 thickness (Reveillès 1991; the "standard" one of Andrès,
    Acharya and Sibata, Discrete analytical hyperplanes, 1997). It is the only thickness that takes
    exactly the voxels whose cell the plane cuts, so what is painted is what a slice through the
    labels shows. Thinner ones let a path through that steps over an edge or a corner: the "naive"
    one, of thickness max |nᵢ|, is closed for paths over faces only. Planes one such thickness
    apart share no voxel and leave none out.

    The pixels are squares of the finest spacing in the plane, aligned with the middle voxel: they
    depend neither on zoom nor on offset. A pixel stands for the voxel that its centre lies in; a
    voxel of which the plane cuts so little that no pixel's centre lies in it goes with the pixel
    where its diagonal along the normal meets the plane, which is inside the cell just because of
    the thickness; and with the pixels beside that, where that one's centre is outside the volume.

    Parameters
    ----------
    plane : ObliquePlane
    shape : (3,) ints
        The volume's size along z, y, x.
    spacing : (3,) floats
        Distance between voxel centres along z, y, x in a physical unit.

    Attributes
    ----------
    pixel : float
        Side of a pixel in physical units.
    step : float
        Thickness in physical units along the normal: how far it is to the next plane.
    corner : (2,) floats
        Physical position of the first pixel's centre in the plane, down and along the rows, from
        the foot of the perpendicular from the volume's middle voxel.
    size : (2,) ints
        Rows and columns that hold the whole volume, whatever the offset.
    """

    def __init__(self, plane: ObliquePlane, shape: Shape, spacing: Triple) -> None:
        self.plane, self.shape = plane, shape
        self._spacing = np.array(spacing)
        self.middle = np.array(shape) // 2
        self.pixel = float(min(spacing))
        self._strides = shape[1] * shape[2], shape[2], 1
        normal, *across = plane.axes
        self.step = float(np.abs(normal) @ self._spacing)
        self._normal = normal * self._spacing / self.step
        self._across = np.array(across)
        ends = np.array(list(product(*((-0.5, n - 0.5) for n in shape))))
        corners = (ends - self.middle) * self._spacing @ self._across.T
        first = np.floor(corners.min(axis=0) / self.pixel).astype(int)
        rows, columns = np.ceil(corners.max(axis=0) / self.pixel).astype(int) - first + 1
        self.size = int(rows), int(columns)
        self.corner = first * self.pixel
        foot = (plane.offset + NUDGE * self.step) * normal
        self._start = (foot + self.corner @ self._across) / self._spacing + self.middle
        self._steps = self._across * self.pixel / self._spacing
        self._depth = float(self._normal @ self._start)

    @cached_property
    def nearest(self) -> NDArray[np.int64]:
        """(rows, columns) flat index (C order) of each pixel's voxel; −1 outside the volume."""
        nearest = np.empty(self.size, np.int64)
        lengths = np.array(self.shape)[:, None, None]
        for rows, points in self._bands():
            index = np.floor(points + 0.5).astype(np.int64)
            inside = ((index >= 0) & (index < lengths)).all(axis=0)
            nearest[rows] = np.where(inside, self._flat(index), -1)
        return nearest

    def reslice(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """The plane's picture of a (z, y, x) image, interpolated linearly; NaN outside.

        Nearly twice as fast as scipy's map_coordinates, with which it would lag behind the wheel.

        Returns
        -------
        (rows, columns) float32
        """
        picture = np.empty(self.size, np.float32)
        flat, last = image.reshape(-1), np.array(self.shape)[:, None, None] - 1
        for rows, points in self._bands():
            # Beyond the outermost voxel centres the outermost values go on.
            inside = np.clip(points, 0, last)
            index = np.minimum(inside.astype(np.int64), np.maximum(last - 1, 0))
            shares = (inside - index).astype(np.float32)
            picture[rows] = _between(flat, self._flat(index), self._strides, shares)
        picture[self.nearest < 0] = np.nan
        return picture

    def take(self, labels: NDArray[Any]) -> NDArray[Any]:
        """(rows, columns) labels of a (z, y, x) array, as they are; 0 outside the volume."""
        taken: NDArray[Any] = np.where(self.nearest >= 0, labels.reshape(-1)[self.nearest], 0)
        return taken

    def voxels(self, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Flat indices (C order, sorted, each once) of the voxels that go with marked pixels.

        All pixels together go with the whole digital plane. A stroke's voxels are those of its
        parts, and those of all the pixels that show the stroke once it is painted.

        Parameters
        ----------
        mask : (rows, columns) bool array
        """
        pixels = np.argwhere(mask)
        if not pixels.size:
            return np.empty(0, np.int64)
        # From a stroke's pixel to the others of its voxel, and on to the others of the next.
        reach = 2 * int(np.linalg.norm(self._spacing) / self.pixel) + 3
        low = np.maximum(pixels.min(axis=0) - reach, 0)
        high = np.minimum(pixels.max(axis=0) + reach + 1, self.size)
        part = slice(low[0], high[0]), slice(low[1], high[1])
        around, stroke = self.nearest[part], mask[part]
        large = np.setdiff1d(around[stroke], -1)
        stroke = stroke | np.isin(around, large)
        stroke |= (around < 0) & ndimage.binary_dilation(stroke, np.ones((3, 3)))
        cut, places = self._cut(low, high)
        small = cut[stroke[tuple((places - low).T)]]
        return np.union1d(large, np.setdiff1d(small, around))

    def _bands(self) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Some rows of pixels at a time, and where they lie: (3, rows, columns) in voxels."""
        start, down, along = (a[:, None, None] for a in (self._start, *self._steps))
        columns = np.arange(self.size[1])
        for first in range(0, self.size[0], BAND):
            rows = np.arange(first, min(first + BAND, self.size[0]))[:, None]
            yield slice(first, first + BAND), start + down * rows + along * columns

    def _flat(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Flat indices (C order) of (3, …) voxel indices."""
        z, y, x = index
        flat: NDArray[np.int64] = z * self._strides[0] + y * self._strides[1] + x
        return flat

    def _cut(
        self, low: NDArray[np.int64], high: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The digital plane's voxels that go with some pixels: flat indices, places as pixels.

        Parameters
        ----------
        low, high : (2,) ints
            The first of the pixels, down and along the rows, and the first after the last.
        """
        ends = self._start + np.array(list(product(*zip(low, high, strict=True)))) @ self._steps
        start = np.maximum(np.floor(ends.min(axis=0)).astype(int) - 1, 0)
        stop = np.minimum(np.ceil(ends.max(axis=0)).astype(int) + 2, self.shape)
        axis = int(np.abs(self._normal).argmax())
        rest = [a for a in range(3) if a != axis]
        grid = np.meshgrid(*(np.arange(start[a], stop[a]) for a in rest), indexing="ij")
        columns = np.stack([g.ravel() for g in grid], axis=1)
        # Along its steepest axis a column holds at most three: the thickness is 1, n there ≥ ⅓.
        slope = self._normal[axis]
        first = np.ceil(
            (self._depth - columns @ self._normal[rest] - np.copysign(0.5, slope)) / slope
        )
        zyx = np.empty((3 * len(columns), 3), np.int64)
        zyx[:, rest] = np.tile(columns, (3, 1))
        zyx[:, axis] = np.concatenate([first, first + 1, first + 2])
        height = self._depth - zyx @ self._normal
        place = zyx + height[:, None] * np.sign(self._normal)
        at = ((place - self.middle) * self._spacing @ self._across.T - self.corner) / self.pixel
        pixels = np.floor(at + 0.5).astype(np.int64)
        kept = (np.abs(height) <= 0.5) & ((zyx >= 0) & (zyx < self.shape)).all(axis=1)
        kept &= ((pixels >= low) & (pixels < high)).all(axis=1)
        return self._flat(zyx[kept].T), pixels[kept]


def _between(
    flat: NDArray[Any],
    first: NDArray[np.int64],
    strides: Sequence[int],
    shares: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Values between the voxels at `first` and their next along each axis, by the shares."""
    if not strides:
        return flat.take(first, mode="clip").astype(np.float32)
    low = _between(flat, first, strides[1:], shares[1:])
    high = _between(flat, first + strides[0], strides[1:], shares[1:])
    high -= low
    high *= shares[0]
    high += low
    return high
