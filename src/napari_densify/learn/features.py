"""A bank of multi-scale filters and the position, for the first guess and the network.

Filters at several scales spare the network the first half minute of finding out what an edge
is: see docs/measured/guess.md for what they gain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial

import numpy as np
import torch
from numpy.typing import NDArray

from napari_densify.cases.box import Box
from napari_densify.learn.cells import Cells, Slices
from napari_densify.learn.pages import Pages
from napari_densify.learn.scale import PER_SCALE, Scale

SCALES = (0.7, 1.5, 3.0, 6.0)
"""Standard deviations of the Gaussians, in finest voxels."""
POSITION = 2.0
"""Half the extent of the longest axis in the position's channels: about the range of the others.
Dice of a random forest on three hippocampi .73 with the position, .54 without; nuclei alike."""
TILE, SLAB = 64, 8
LOWEST, HIGHEST = 0.5, 99.5
"""Percentiles of the grey values between which they are told apart."""


def normalise(image: NDArray[np.generic]) -> NDArray[np.float32]:
    """Grey values of each channel to mean 0 and standard deviation 1.

    Statistics are of the values between the 0.5th and 99.5th percentile, so that a few hot
    voxels change nothing; those are clipped. NaN counts as the lowest value.

    Parameters
    ----------
    image : (c, z, y, x) array
        Of any integer, float or bool type.
    """
    out = np.empty(image.shape, np.float32)
    for channel, values in zip(out, image, strict=True):
        values = _as_floats(values)
        low, high = _usual_range(values)
        values = (np.clip(values, low, high) - low) / (high - low or 1.0)
        np.nan_to_num(values, copy=False, nan=0.0)
        channel[:] = (values - values.mean()) / (values.std() + 1e-6)
    return out


def _as_floats(values: NDArray[np.generic]) -> NDArray[np.floating]:
    """Float64 only for types that need it: offsets and ranges that float32 cannot hold."""
    if values.dtype.kind in "iu" and values.dtype.itemsize == 8:
        # Not even float64 holds all of them: the differences count. Those of int64 wrap around
        # to what they are as uint64.
        wide = values.astype(values.dtype.newbyteorder("="), copy=False)
        values = (wide - wide.min()).view(np.uint64)
    return values.astype(np.result_type(values, np.float32))


def _usual_range(values: NDArray[np.floating]) -> tuple[float, float]:
    """The 0.5th and 99.5th percentile, or if they are one the lowest and highest value."""
    every = values[:: max(1, len(values) // 64)]
    for some, shares in ((every, (LOWEST, HIGHEST)), (values, (0, 100))):
        finite = some[np.isfinite(some)]
        if finite.size:
            low, high = map(float, np.percentile(finite, shares))
            if low < high:
                return low, high
    return (low, low) if finite.size else (0.0, 0.0)


class FeatureBank:
    """Filter responses of a volume, computed tile by tile where they are asked for.

    Where a voxel lies comes behind them, as three more channels: texture repeats itself, a
    structure seldom does.

    Parameters
    ----------
    image : (c, z, y, x) float32 array
        Normalised grey values.
    spacing : (3,) floats
        The scales are isotropic in physical space.
    device : torch.device
        Where the filters run.

    Attributes
    ----------
    filters, channels : ints
        Number of filter responses, and with the three of the position.
    """

    def __init__(
        self, image: NDArray[np.float32], spacing: Sequence[float], device: torch.device
    ) -> None:
        self.image = image
        self.shape = image.shape[1:]
        self.device = device
        self.filters = image.shape[0] * (1 + PER_SCALE * len(SCALES))
        self.channels = self.filters + 3
        fine = min(spacing)
        self._middle = [
            ((2 * np.arange(n) + 1 - n) * (d / 2)).astype(np.float32)
            for n, d in zip(self.shape, spacing, strict=True)
        ]
        self.scales = [Scale([s * fine / d for d in spacing], spacing, fine) for s in SCALES]
        # Only touched pages of this become memory: what is never asked for costs nothing. All of a
        # voxel lies together, as trees and convolutions want it, and patches that are warped.
        self._pages = Pages((*self.shape, self.channels), np.float16)
        self._values = self._pages.array
        self._tiles = Cells(self.shape, TILE)
        size = [n * d for n, d in zip(self.shape, spacing, strict=True)]
        self.place(lambda: own_placement(size))

    def read(self, box: Box) -> NDArray[np.float16]:
        """(z, y, x, channels) responses in a box inside the volume, a view."""
        self._fill(self._tiles.touched(box))
        return self._values[box.slices]

    def at(self, where: NDArray[np.int64]) -> NDArray[np.float16]:
        """(n, channels) responses of voxels at flat indices (C order), a copy."""
        if not self._tiles.flags.all():
            self._fill(self._tiles.of(where))
        return self._values.reshape(-1, self.channels).take(where, axis=0)

    def place(self, placement: Callable[[], NDArray[np.float64]]) -> None:
        """Count positions otherwise; what was computed before is forgotten.

        Parameters
        ----------
        placement : callable
            Asked once, when something is computed. (3, 4) float64: from where a voxel lies (z, y,
            x, 1), from the volume's middle in the unit of the spacing, to the three channels of its
            position. At first that is `own_placement`.
        """
        self._placement = cache(placement)
        self._tiles.flags[:] = False

    def forget(self, stop: int) -> None:
        """Give back the memory of slices before `stop`; asked for again, they are computed anew."""
        self._pages.give_back(self._tiles.forget(stop))

    def _fill(self, asked: Slices | tuple[NDArray[np.int64], ...]) -> None:
        """Compute those of the tiles that are asked for and not known yet."""
        for each in np.argwhere(self._tiles.unknown(asked)):
            self._compute(Box.cut((each * TILE).tolist(), [TILE] * 3, self.shape))
        self._tiles.flags[asked] = True

    def _compute(self, tile: Box) -> None:
        values = torch.from_numpy(self._values[tile.slices])
        channels = self.image.shape[0]
        values[..., :channels] = torch.from_numpy(self.image[:, *tile.slices]).movedim(0, -1)

        @torch.no_grad()
        def respond(number: int) -> None:
            responses = self.scales[number].responses(self.image, tile, self.device)
            first = channels * (1 + PER_SCALE * number)
            # One by one: to bring all of them to their place at once takes five times as long. And
            # a few slices at a time, whose memory stays at hand: two thirds of the time.
            each = [response for some in responses for response in some]
            for z in range(0, tile.shape[0], SLAB):
                for channel, response in enumerate(each, first):
                    values[z : z + SLAB, ..., channel] = response[z : z + SLAB]

        _side_by_side(respond, len(self.scales), self.device)
        along = [m[part] for m, part in zip(self._middle, tile.slices, strict=True)]
        z, y, x = np.meshgrid(*along, indexing="ij", sparse=True)
        for channel, (by_z, by_y, by_x, shift) in enumerate(self._placement().astype(np.float32)):
            position = by_z * z + by_y * y + (by_x * x + shift)
            values[..., self.filters + channel] = torch.from_numpy(position)


def _side_by_side(work: Callable[[int], None], count: int, device: torch.device) -> None:
    """Do the parts of some work, on a CPU each in one thread.

    Torch's own threads wait for each other after each small step: all filters of fib25 take 1.01 s
    of two cores like that, 0.75 to 1.03 s of one, and 0.62 s of two like this.
    """
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        for number in range(count):
            work(number)
        return
    alone = partial(torch.set_num_threads, 1)
    try:
        with ThreadPoolExecutor(min(threads, count), initializer=alone) as pool:
            list(pool.map(work, range(count)))
    finally:
        torch.set_num_threads(threads)  # or threads to come would be alone, too


def own_placement(size: Sequence[float]) -> NDArray[np.float64]:
    """Positions along each axis from -POSITION to POSITION along the longest one.

    Parameters
    ----------
    size : (3,) floats
        Length of the volume along z, y, x.

    Returns
    -------
    (3, 4) float64
        See `FeatureBank.place`.
    """
    return np.eye(3, 4) * (2 * POSITION / max(size))
