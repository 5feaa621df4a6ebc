"""Filters of one scale, on a grid that is as coarse as the scale allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_densify.cases.box import Box

PER_SCALE = 5
"""Smoothed value, gradient magnitude, and three Hessian eigenvalues."""
TRUNCATE = 3.0
SAMPLES = 1.5
"""Grid points per standard deviation at least: a coarser grid would miss what the filter sees."""
EDGE = 2
"""Points of the grid around what is asked for: a second derivative is a derivative twice over."""


class Scale:
    """The filters of one scale, on a grid that is as coarse as the scale allows.

    Every `steps`-th voxel of the volume is a point of that grid, so that neighbouring tiles
    agree; in between, responses are interpolated. The whole bank of fib25 takes a third of the time
    of filters at full resolution (docs/measured/guess.md).

    Parameters
    ----------
    sigma : (3,) floats
        Standard deviation along z, y, x, in voxels.
    spacing : (3,) floats
    fine : float
        The finest of the spacings.
    """

    def __init__(self, sigma: Sequence[float], spacing: Sequence[float], fine: float) -> None:
        self.sigma = sigma
        self.steps = [_power_of_two(s / SAMPLES) for s in sigma]
        self.radii = [max(1, int(np.ceil(TRUNCATE * s))) for s in sigma]
        self.unit = float(max(sigma))
        self.distances = [n * d / fine for n, d in zip(self.steps, spacing, strict=True)]

    def responses(
        self, image: NDArray[np.float32], tile: Box, device: torch.device
    ) -> list[Tensor]:
        """Responses of a (c, z, y, x) image in a tile, each (c, z, y, x)."""
        smoothers, between, around = [], [], []
        axes = zip(tile.start, tile.stop, image.shape[1:], range(3), strict=True)
        for start, stop, length, axis in axes:
            matrix, window = self._smoother(start, stop, length, axis)
            smoothers.append(torch.from_numpy(matrix).to(device))
            between.append(torch.from_numpy(self._between(stop - start, axis)).to(device))
            around.append(window)
        image_there = torch.from_numpy(image[:, *around]).to(device)
        smooth = _along_axes(smoothers, image_there)
        coarse = filtered(smooth, self.distances, self.unit, _difference)
        if max(self.steps) == 1:
            inner = slice(EDGE, -EDGE)
            return [response[:, inner, inner, inner] for response in coarse]
        return [_along_axes(between, response) for response in coarse]

    def _smoother(
        self, start: int, stop: int, length: int, axis: int
    ) -> tuple[NDArray[np.float32], slice]:
        """A Gaussian along one axis as a matrix, and the voxels that it is to be applied to.

        As a matrix product it is several times faster than torch's convolution of one channel, and
        the volume's last voxels repeat beyond its ends without a copy of them.
        """
        step, radius = self.steps[axis], self.radii[axis]
        points = start + step * (np.arange(self._points(stop - start, axis)) - EDGE)
        taps = np.arange(-radius, radius + 1)
        voxels = np.clip(points[:, None] + taps, 0, length - 1)
        low, high = int(voxels.min()), int(voxels.max()) + 1
        matrix = np.zeros((len(points), high - low), np.float32)
        rows = np.broadcast_to(np.arange(len(points))[:, None], voxels.shape)
        np.add.at(matrix, (rows, voxels - low), self.kernel(axis))
        return matrix, slice(low, high)

    def _between(self, length: int, axis: int) -> NDArray[np.float32]:
        """(length, points) linear interpolation from the grid to the voxels, as a matrix.

        Five responses of a tile take 1.1 to 2.5 ms like that, with torch's interpolation 6.7 ms.
        """
        at, fraction = np.divmod(np.arange(length), self.steps[axis])
        points = np.arange(self._points(length, axis))
        away = at + fraction / self.steps[axis] + EDGE
        weight = np.maximum(1 - np.abs(away[:, None] - points), 0)
        matrix: NDArray[np.float32] = weight.astype(np.float32)
        return matrix

    def _points(self, length: int, axis: int) -> int:
        """Of the grid, for so many voxels along an axis."""
        return -(-(length - 1) // self.steps[axis]) + 1 + 2 * EDGE

    def kernel(self, axis: int) -> NDArray[np.float64]:
        """Weights of a voxel and its neighbours along an axis, `radii[axis]` on each side."""
        taps = np.arange(-self.radii[axis], self.radii[axis] + 1)
        kernel = np.exp(-0.5 * (taps / max(self.sigma[axis], 1e-3)) ** 2)
        weights: NDArray[np.float64] = kernel / kernel.sum()
        return weights


def _power_of_two(value: float) -> int:
    """The largest power of two up to a value, at least 1; tiles begin at multiples of it."""
    return 1 << max(0, int(np.log2(max(value, 1.0))))


def filtered(
    smooth: Tensor,
    steps: Sequence[float],
    sigma: float,
    difference: Callable[[Tensor, int, float], Tensor],
) -> list[Tensor]:
    """Smoothed value, gradient magnitude and Hessian eigenvalues, scale-normalised.

    Parameters
    ----------
    smooth : (c, z, y, x)
    steps : (3,) floats
        Distance between grid points along z, y, x.
    sigma : float
    difference : callable
        Derivative of such a tensor along an axis (1 to 3), given the step.
    """
    along = zip((1, 2, 3), steps, strict=True)
    gradient = [difference(smooth, axis, step) * sigma for axis, step in along]
    hessian = {
        (i, j): difference(gradient[i], j + 1, steps[j]) * sigma
        for i in range(3)
        for j in range(i, 3)
    }
    z, y, x = gradient
    magnitude = torch.sqrt(z * z + y * y + x * x)
    return [smooth, magnitude, *eigenvalues(hessian)]


def _difference(x: Tensor, axis: int, step: float) -> Tensor:
    """Central differences, 0 at both ends, which `EDGE` is for; half of `torch.gradient`'s time."""
    inner = x.shape[axis] - 2
    out = torch.zeros_like(x)
    after, before = x.narrow(axis, 2, inner), x.narrow(axis, 0, inner)
    torch.sub(after, before, out=out.narrow(axis, 1, inner))
    return out.mul_(0.5 / step)


def _along_axes(matrices: Sequence[Tensor], values: Tensor) -> Tensor:
    """Multiply a (c, z, y, x) tensor by a matrix along each of z, y and x."""
    z, y, x = matrices
    values = y @ (values @ x.T)
    return (z @ values.flatten(2)).reshape(-1, len(z), *values.shape[2:])


def eigenvalues(h: dict[tuple[int, int], Tensor]) -> list[Tensor]:
    """Eigenvalues of symmetric 3×3 matrices, descending, by the trigonometric formula.

    Smith 1961, "Eigenvalues of a symmetric 3 × 3 matrix"; torch.linalg.eigvalsh is a hundred
    times slower on millions of small matrices.
    """
    q = (h[0, 0] + h[1, 1] + h[2, 2]) / 3
    a, b, c = h[0, 0] - q, h[1, 1] - q, h[2, 2] - q
    d, e, f = h[0, 1], h[0, 2], h[1, 2]
    p = torch.sqrt((a * a + b * b + c * c + 2 * (d * d + e * e + f * f)) / 6 + 1e-12)
    det = a * (b * c - f * f) - d * (d * c - f * e) + e * (d * f - b * e)
    angle = torch.acos((det / (2 * p**3)).clamp(-1, 1)) / 3
    largest = q + 2 * p * torch.cos(angle)
    smallest = q + 2 * p * torch.cos(angle + 2 * np.pi / 3)
    return [largest, 3 * q - largest - smallest, smallest]
