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


def sources(
    count: int,
    size: Sequence[int],
    spacing: Sequence[float],
    generator: torch.Generator,
    turn: Tensor | None = None,
) -> Tensor:
    """Where the voxels of rotated, scaled and deformed patches come from.

    Parameters
    ----------
    count : int
        Patches, each varied differently.
    size : (3,) ints
    spacing : (3,) floats
        Rotations keep physical lengths.
    generator : torch.Generator
        Source of randomness, on the CPU.
    turn : (3, 3) float32, optional
        A physical rotation of all patches before they are varied, about their middle.

    Returns
    -------
    (count, 3, z, y, x) float32
        Along z, y, x, in voxels from the corner of the patch as it was; may lie beyond it.
    """
    extent = torch.tensor([s * d for s, d in zip(size, spacing, strict=True)])
    matrix = _rotations(count, extent, generator) * (
        1 + SCALE * (2 * torch.rand(count, 1, 1, generator=generator) - 1)
    )
    if turn is not None:
        matrix = turn @ matrix
    step = torch.tensor(spacing, dtype=torch.float32)
    matrix = matrix * step[None, None, :] / step[None, :, None]
    axes = [torch.arange(n) - (n - 1) / 2 for n in size]
    place = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    half = torch.tensor(size).view(3, 1, 1, 1) / 2
    coarse = ELASTIC * torch.randn(count, 3, 4, 4, 4, generator=generator)
    bend = F.interpolate(coarse, size=list(size), mode="trilinear", align_corners=True)
    return torch.einsum("nij,jzyx->nizyx", matrix, place) + (bend + 1) * half - 0.5


def recolour(values: Tensor, filters: int, generator: torch.Generator) -> Tensor:
    """Change gain and offset and add noise, a draw for each patch.

    Parameters
    ----------
    values : (n, c, z, y, x) float
        Changed in place.
    filters : int
        How many channels are filter responses; those behind them, the position, are only shifted.
    generator : torch.Generator
        Source of randomness.
    """
    n, c, *size = values.shape

    def chance(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=generator.device)

    gain = 1 + GAIN * chance(n, 1, 1, 1, 1).expand(n, filters, 1, 1, 1)
    gain = torch.cat([gain, torch.ones_like(gain[:, :1]).expand(n, c - filters, 1, 1, 1)], dim=1)
    shift = SHIFT * chance(n, c, 1, 1, 1)
    values.mul_(gain.to(values)).add_(shift.to(values))
    # One field of noise, in each channel as strong as chance has it: a field for each takes as
    # long as everything else that is done to a patch.
    strength = NOISE * chance(n, filters, 1, 1, 1)
    noise = chance(n, 1, *size)
    values[:, :filters].addcmul_(strength.to(values), noise.to(values))
    return values


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
