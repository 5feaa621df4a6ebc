"""Images of other voxel sizes, brought to the one that the network has learned from.

A network knows sizes in voxels. Where an image's voxels are more than a quarter larger or smaller
along an axis than the project's, it is resampled for the network, and the answer is resampled
back; what the user painted is never changed by that.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter
from torch import Tensor

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box
from napari_densify.cases.edit import MARK, Edit

TILE = 64
"""Side of the tiles in which edits are brought over."""
TOLERANCE = 1.25
"""Ratio of voxel sizes up to which an image is taken as it is; the patches that the network learns
from are scaled at random by about as much."""


class Grid:
    """The voxels of an image and those of the network, over the same extent.

    Parameters
    ----------
    shape, spacing : (3,) ints and floats
        The image's.
    wanted : (3,) floats
        Voxel size along z, y, x that the network has learned from; () for the image's.
    """

    def __init__(
        self, shape: Sequence[int], spacing: Sequence[float], wanted: Sequence[float] = ()
    ) -> None:
        z, y, x = shape
        self.outer = (z, y, x)
        ratio = [1.0, 1.0, 1.0]
        if wanted:
            ratio = [w / s for w, s in zip(wanted, spacing, strict=True)]
            ratio = [r if max(r, 1 / r) > TOLERANCE else 1.0 for r in ratio]
        z, y, x = (max(1, round(n / r)) for n, r in zip(shape, ratio, strict=True))
        self.inner = (z, y, x)
        # Exactly, as whole numbers of voxels cover the same extent.
        self.ratio = tuple(n / m for n, m in zip(self.outer, self.inner, strict=True))
        self.spacing = tuple(s * r for s, r in zip(spacing, self.ratio, strict=True))

    @property
    def same(self) -> bool:
        """Whether image and network share their voxels."""
        return self.inner == self.outer

    def image(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """A (c, z, y, x) image on the network's voxels; trilinear, smoothed before it is thinned.

        The Gaussian's standard deviation is 0.5·√(r² − 1) voxels where r of them become one, as
        if the larger voxel had been measured. A value that is no number would spread, so the image
        has none.
        """
        if self.same:
            return image
        sigma = [0.5 * np.sqrt(max(r * r - 1.0, 0.0)) for r in self.ratio]
        resampled = np.empty((len(image), *self.inner), np.float32)
        for channel, out in zip(image, resampled, strict=True):
            affine_transform(
                gaussian_filter(channel, sigma),
                self.ratio,
                [(r - 1) / 2 for r in self.ratio],
                output=out,
                output_shape=self.inner,
                order=1,
                mode="nearest",
            )
        return resampled

    def edit(self, edit: Edit, outer: Annotation, inner: Annotation) -> Edit | None:
        """The edit on the network's voxels that follows one which `outer` has applied.

        A larger voxel takes the highest label painted in it, so that a structure's thin slice is
        not lost to background; smaller ones take the label of the voxel they lie in. What they
        become depends on what is painted now, not on how it came about.

        Returns
        -------
        Edit or None
            None if it changes nothing there.
        """
        parts = []
        # Tile by tile: the box around all that is annotated may be the whole volume.
        for tile in self._touched(edit.where):
            where = _flat(tile, self.inner)
            before, after = inner.at(where), self._reduced(outer, tile).reshape(-1)
            changed = before != after
            parts.append((where[changed], before[changed], after[changed]))
        where, before, after = (np.concatenate(each) for each in zip(*parts, strict=True))
        if not where.size:
            return None
        order = np.argsort(where)
        return Edit(where[order], before[order], after[order], edit.round_before, edit.round_after)

    def covering(self, box: Box) -> Box:
        """The network's voxels that are needed to answer for a box of the image."""
        if self.same:
            return box
        start, stop = [], []
        for axis, (a, b) in enumerate(zip(box.start, box.stop, strict=True)):
            low = (a + 0.5) / self.ratio[axis] - 0.5
            high = (b - 0.5) / self.ratio[axis] - 0.5
            start.append(max(0, int(np.floor(low))))
            stop.append(min(self.inner[axis], int(np.floor(high)) + 2))
        return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    def back(self, values: Tensor, covering: Box, box: Box) -> Tensor:
        """(c, z, y, x) values of `covering(box)` on the voxels of a box of the image; trilinear."""
        if self.same:
            return values
        for axis in range(3):
            a, b = box.start[axis], box.stop[axis]
            at = (np.arange(a, b) + 0.5) / self.ratio[axis] - 0.5 - covering.start[axis]
            at = np.clip(at, 0, values.shape[1 + axis] - 1)
            low = np.floor(at).astype(int)
            high = np.minimum(low + 1, values.shape[1 + axis] - 1)
            share = torch.from_numpy((at - low).astype(np.float32))
            share = share.reshape([-1 if d == 1 + axis else 1 for d in range(4)])
            values = torch.lerp(
                values.index_select(1 + axis, torch.from_numpy(low)),
                values.index_select(1 + axis, torch.from_numpy(high)),
                share,
            )
        return values

    def _parts(self, axis: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First and behind the last of the image's voxels that each of the network's takes from."""
        edges = np.arange(self.inner[axis] + 1) * self.ratio[axis]
        if self.ratio[axis] <= 1.0:
            low = np.floor((edges[:-1] + edges[1:]) / 2).astype(np.int64)
            return low, low + 1
        # A voxel belongs to the one that its centre lies in.
        bounds = np.ceil(edges - 0.5).astype(np.int64)
        return bounds[:-1], bounds[1:]

    def _touched(self, where: NDArray[np.int64]) -> list[Box]:
        """Tiles of the network's voxels that hold all that take from some of the image's."""
        tiles = np.zeros([-(-n // TILE) for n in self.inner], bool)
        ends = []
        for axis, at in enumerate(np.unravel_index(where, self.outer)):
            low, high = self._parts(axis)
            first = np.searchsorted(high, at, side="right")
            last = np.searchsorted(low, at + 1, side="left") - 1
            ends.append((first // TILE, last // TILE))
        for z, y, x in product(*ends):
            tiles[z, y, x] = True
        return [
            Box.cut((each * TILE).tolist(), [TILE] * 3, self.inner) for each in np.argwhere(tiles)
        ]

    def _reduced(self, outer: Annotation, box: Box) -> NDArray[np.void]:
        parts = [self._parts(axis) for axis in range(3)]
        spans = [
            (low[a:b], high[a:b])
            for (low, high), a, b in zip(parts, box.start, box.stop, strict=True)
        ]
        source = Box(*(tuple(int(s[i][j]) for s in spans) for i, j in ((0, 0), (1, -1))))  # type: ignore[arg-type]
        marks = outer.read(source)
        # What was accepted counts least: its round, the highest number, becomes 0.
        label, round_ = marks["label"].astype(np.int32), marks["round"] + np.uint8(1)
        code = (label << 9 | round_.astype(np.int32) << 1) | marks["wrong"]
        for axis, (low, high) in enumerate(spans):
            ends = np.stack([low, high], axis=1).ravel() - source.start[axis]
            padded = np.concatenate([code, np.zeros_like(code.take([0], axis=axis))], axis=axis)
            code = np.maximum.reduceat(padded, ends, axis=axis).take(
                range(0, 2 * len(low), 2), axis=axis
            )
        reduced = np.zeros(code.shape, MARK)
        reduced["label"], reduced["wrong"] = code >> 9, (code & 1).astype(bool)
        reduced["round"] = np.where(code > 0, ((code >> 1) & 255) - 1, 0).astype(np.uint8)
        return reduced


def _flat(box: Box, shape: Sequence[int]) -> NDArray[np.int64]:
    axes = [np.arange(a, b) for a, b in zip(box.start, box.stop, strict=True)]
    where: NDArray[np.int64] = np.ravel_multi_index(
        np.meshgrid(*axes, indexing="ij"), tuple(shape)
    ).reshape(-1)
    return where
