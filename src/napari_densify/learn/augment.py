"""Variations of training patches: rotation, scaling, smooth deformation, grey values.

After Çiçek et al. 2016: rotation, scaling and grey-value changes, and a smooth dense deformation
from random displacements of a coarse grid of control points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

ROTATION = math.radians(20)
SCALE = 0.15
ELASTIC = 0.06
"""Standard deviation of the control points' displacement, in units of the patch's half size."""
GAIN, SHIFT, NOISE = 0.15, 0.15, 0.1
FLIP = False


def warp(
    values: Tensor, labels: Tensor, spacing: Sequence[float], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Rotate, scale and deform patches.

    Parameters
    ----------
    values : (n, c, z, y, x) float
        Interpolated linearly, edges repeat.
    labels : (n, k, z, y, x) float
        Nearest neighbour, 0 from outside.
    spacing : (3,) floats
        Rotations keep physical lengths.
    generator : torch.Generator
        Source of randomness, on the CPU.
    """
    n, _, *size = values.shape
    extent = torch.tensor([s * d for s, d in zip(size, spacing, strict=True)])
    matrix = _rotations(n, extent, generator) * (
        1 + SCALE * (2 * torch.rand(n, 1, 1, generator=generator) - 1)
    )
    # A physical rotation in grid_sample's coordinates, which run from -1 to 1 along each axis.
    matrix = matrix * extent[None, None, :] / extent[None, :, None]
    theta = torch.cat([matrix, torch.zeros(n, 3, 1)], dim=2).flip(1)
    theta = torch.cat([theta[:, :, :3].flip(2), theta[:, :, 3:]], dim=2)
    grid = F.affine_grid(theta, [n, 1, *size], align_corners=False)
    coarse = ELASTIC * torch.randn(n, 3, 4, 4, 4, generator=generator)
    bend = F.interpolate(coarse, size=size, mode="trilinear", align_corners=True)
    grid = (grid + bend.movedim(1, -1)).to(values.device)
    return (
        F.grid_sample(values, grid, padding_mode="border", align_corners=False),
        F.grid_sample(labels, grid, mode="nearest", padding_mode="zeros", align_corners=False),
    )


def recolour(values: Tensor, filters: int, generator: torch.Generator) -> Tensor:
    """Change gain and offset and add noise, a draw for each patch.

    Parameters
    ----------
    values : (n, c, z, y, x) float
    filters : int
        How many channels are filter responses; those behind them, the position, are only shifted.
    generator : torch.Generator
        Source of randomness, on the CPU.
    """
    n, c = values.shape[:2]
    one = (n, 1, 1, 1, 1)
    shift = SHIFT * torch.randn((n, c, 1, 1, 1), generator=generator)
    gain = 1 + GAIN * torch.randn(one, generator=generator)
    grey = values[:, :filters]
    noise = (
        NOISE * torch.rand(one, generator=generator) * torch.randn(grey.shape, generator=generator)
    )
    changed = values + shift.to(values)
    changed[:, :filters] += grey * (gain - 1).to(values) + noise.to(values)
    return changed


def _rotations(n: int, extent: Tensor, generator: torch.Generator) -> Tensor:
    """Rotations about random axes by up to ROTATION; less across the patch's thin axis."""
    angles = ROTATION * (2 * torch.rand(n, 3, generator=generator) - 1)
    # Turning a thin slab about an in-plane axis would turn most of it out of the slab.
    thin = extent / extent.max()
    limit = torch.stack([thin[1] * thin[2], thin[0] * thin[2], thin[0] * thin[1]])
    a, b, c = (angles * (limit / limit.max())).unbind(1)
    zero = torch.zeros_like(a)
    skew = torch.stack([zero, -c, b, c, zero, -a, -b, a, zero], dim=1).view(n, 3, 3)
    return torch.matrix_exp(skew)
