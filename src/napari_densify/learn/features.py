"""A bank of multi-scale filters, fed to the network beside the image.

Filters at several scales spare the network the first half minute of finding out what an edge
is: see docs/architecture.md for what they gain.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from napari_densify.cases.box import Box

SCALES = (0.7, 1.5, 3.0, 6.0)
"""Standard deviations of the Gaussians, in finest voxels."""
PER_SCALE = 5
"""Smoothed value, gradient magnitude, and three Hessian eigenvalues."""
TRUNCATE = 3.0
TILE = 64


def normalise(image: NDArray[np.generic]) -> NDArray[np.float32]:
    """Grey values of each channel to mean 0 and standard deviation 1.

    Statistics are of the values between the 0.5th and 99.5th percentile, so that a few hot
    voxels change nothing; those are clipped.

    Parameters
    ----------
    image : (c, z, y, x) array
    """
    out = np.empty(image.shape, np.float32)
    for channel, values in zip(out, image, strict=True):
        # Float64 only for types that need it: offsets and ranges that float32 cannot hold.
        values = values.astype(np.result_type(values, np.float32))
        low, high = map(float, np.percentile(values[:: max(1, values.shape[0] // 64)], (0.5, 99.5)))
        if low == high:
            low, high = float(values.min()), float(values.max())
        values = (np.clip(values, low, high) - low) / (high - low or 1.0)
        channel[:] = (values - values.mean()) / (values.std() + 1e-6)
    return out


class FeatureBank:
    """Filter responses of a volume, computed tile by tile where they are asked for.

    Parameters
    ----------
    image : (c, z, y, x) float32 array
        Normalised grey values.
    spacing : (3,) floats
        The scales are isotropic in physical space.
    device : torch.device
        Where the filters run.
    """

    def __init__(
        self, image: NDArray[np.float32], spacing: Sequence[float], device: torch.device
    ) -> None:
        self.image = image
        self.shape = image.shape[1:]
        self.device = device
        self.channels = image.shape[0] * (1 + PER_SCALE * len(SCALES))
        fine = min(spacing)
        self._sigmas = [[s * fine / d for d in spacing] for s in SCALES]
        self._steps = [d / fine for d in spacing]
        self._halo = [int(np.ceil(TRUNCATE * s)) + 2 for s in self._sigmas[-1]]
        # Only touched pages of this become memory: what is never asked for costs nothing.
        self._values = np.empty((self.channels, *self.shape), np.float16)
        self._known = np.zeros([-(-n // TILE) for n in self.shape], bool)

    def read(self, box: Box) -> NDArray[np.float16]:
        """(channels, z, y, x) responses in a box inside the volume, a view."""
        grid = tuple(
            slice(a // TILE, -(-b // TILE)) for a, b in zip(box.start, box.stop, strict=True)
        )
        for offset in np.argwhere(~self._known[grid]):
            corner = [(o + g.start) * TILE for o, g in zip(offset, grid, strict=True)]
            self._fill(Box.cut(corner, [TILE] * 3, self.shape))
        return self._values[:, *box.slices]

    @torch.no_grad()
    def _fill(self, tile: Box) -> None:
        around = tile.grow(self._halo, self.shape)
        image = torch.from_numpy(self.image[:, *around.slices]).to(self.device)
        inner = tile.shift(around.start).slices
        channels = [image]
        for sigma in self._sigmas:
            smooth = _gaussian(image, sigma)
            channels += _responses(smooth, self._steps, float(sigma[int(np.argmax(sigma))]))
        stack = torch.cat([c[:, *inner] for c in channels])
        self._values[:, *tile.slices] = stack.half().cpu().numpy()
        self._known[tuple(a // TILE for a in tile.start)] = True


def _gaussian(image: Tensor, sigma: Sequence[float]) -> Tensor:
    """Separable Gaussian of a (c, z, y, x) image; edges repeat."""
    x = image[:, None]
    for axis, s in enumerate(sigma):
        radius = max(1, int(np.ceil(TRUNCATE * s)))
        taps = torch.arange(-radius, radius + 1, device=image.device, dtype=image.dtype)
        kernel = torch.exp(-0.5 * (taps / max(s, 1e-3)) ** 2)
        kernel = (kernel / kernel.sum()).view([1, 1, *(-1 if a == axis else 1 for a in range(3))])
        pad = [0] * 6
        pad[2 * (2 - axis)] = pad[2 * (2 - axis) + 1] = radius
        x = F.conv3d(F.pad(x, pad, mode="replicate"), kernel)
    return x[:, 0]


def _responses(smooth: Tensor, steps: Sequence[float], sigma: float) -> list[Tensor]:
    """Smoothed value, gradient magnitude and Hessian eigenvalues, scale-normalised."""
    gradient = [_difference(smooth, a, h) * sigma for a, h in zip((1, 2, 3), steps, strict=True)]
    hessian = {
        (i, j): _difference(gradient[i], j + 1, steps[j]) * sigma
        for i in range(3)
        for j in range(i, 3)
    }
    magnitude = torch.sqrt(sum(g * g for g in gradient))  # type: ignore[arg-type]
    return [smooth, magnitude, *_eigenvalues(hessian)]


def _difference(x: Tensor, axis: int, step: float) -> Tensor:
    return torch.gradient(x, spacing=step, dim=axis)[0]


def _eigenvalues(h: dict[tuple[int, int], Tensor]) -> list[Tensor]:
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
