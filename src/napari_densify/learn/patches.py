"""The patches of a training step: what the network sees, and what it is to answer where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from napari_densify.cases.box import Box
from napari_densify.learn import augment
from napari_densify.learn.inputs import Inputs
from napari_densify.learn.sampler import Patch, Sampler
from napari_densify.learn.supervision import Supervision


class Patches:
    """Draws varied patches.

    Parameters
    ----------
    sampler : Sampler
    inputs : Inputs
    supervision : Supervision
    spacing : (3,) floats
    random : torch.Generator
        Of the variations.
    """

    def __init__(
        self,
        sampler: Sampler,
        inputs: Inputs,
        supervision: Supervision,
        spacing: Sequence[float],
        random: torch.Generator,
    ) -> None:
        self.sampler, self.inputs, self.supervision = sampler, inputs, supervision
        self.spacing, self._random = spacing, random

    def draw(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """A batch of `count` patches of one shape.

        Returns
        -------
        values : (n, channels, z, y, x) float32
        target : (n, z, y, x) int64
            Class indices.
        weight : (n, z, y, x) float32
            w; 0 in the folds of the annotation that the guess in `values` has seen.
        """
        patches = self.sampler.draw(count)
        folds = self.inputs.guess.folds.at(np.array([patch.voxel for patch in patches]))
        held_out = list(zip(patches, map(int, folds), strict=True))
        values = torch.stack([self.inputs.read(patch.box, fold) for patch, fold in held_out])
        labels = torch.stack([self.answers(patch, fold) for patch, fold in held_out])
        values, labels = augment.warp(values, labels, self.spacing, self._random)
        values = augment.recolour(values, self.inputs.bank.filters, self._random)
        return values, labels[:, 0].long(), labels[:, 1]

    def answers(self, patch: Patch, fold: int) -> Tensor:
        """(2, z, y, x): class index and weight w; w = 0 outside the fold and beyond the volume."""
        inside = Box.cut(patch.box.start, patch.box.shape, self.inputs.shape)
        index, weight = self.supervision.read(inside)
        out = np.zeros((2, *patch.box.shape), np.float32)
        z, y, x = inside.shape
        out[0, :z, :y, :x] = index
        out[1, :z, :y, :x] = weight * (self.inputs.guess.folds.read(inside) == fold)
        return torch.from_numpy(out)
