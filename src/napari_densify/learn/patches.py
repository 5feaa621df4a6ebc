"""The patches of a training step: what the network sees, and what it is to answer where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from napari_densify.learn import augment
from napari_densify.learn.inputs import Inputs
from napari_densify.learn.sampler import Sampler
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
        size = patches[0].box.shape
        folds = self.inputs.guess.folds.at(np.array([patch.voxel for patch in patches]))
        turn = patches[0].turn
        tilt = None if turn is None else torch.from_numpy(turn).float()
        moved = augment.sources(count, size, self.spacing, self._random, tilt)
        drawn = [
            self.read(patch.box.start, each, int(fold))
            for patch, each, fold in zip(patches, moved.round().long(), folds, strict=True)
        ]
        values, target, weight = map(torch.stack, zip(*drawn, strict=True))
        values = values.float().view(count, *size, -1).movedim(-1, 1)
        values = augment.recolour(values, self.inputs.bank.filters, self._random)
        return values, target.view(count, *size), weight.view(count, *size)

    def read(
        self, corner: Sequence[int], moved: Tensor, fold: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(n, channels) float16 values, (n,) class indices and (n,) weights of a patch's voxels.

        Each voxel is the one nearest to where it comes from, so that values and label are of one
        place, whatever the warp. Beyond the volume its last voxels repeat, with w = 0.

        Parameters
        ----------
        corner : (3,) ints
        moved : (3, z, y, x) int64
            Where the voxels come from, from the corner on.
        fold : int
            What of the annotation counts, and what the guess has not seen.
        """
        shape = self.inputs.shape
        there = [m.numpy().ravel() + a for m, a in zip(moved, corner, strict=True)]
        zyx = [np.clip(t, 0, n - 1) for t, n in zip(there, shape, strict=True)]
        where = np.ravel_multi_index(zyx, shape)
        index, weight = self.supervision.at(where)
        counts = self.inputs.guess.folds.at(where) == fold
        for original, inside in zip(there, zyx, strict=True):
            counts &= original == inside
        return (
            self.inputs.at(where, fold),
            torch.from_numpy(index),
            torch.from_numpy(weight * counts),
        )
