"""The patches of a training step: what the network sees, and what it is to answer where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_densify.learn import augment
from napari_densify.learn.forests import SHOWN
from napari_densify.learn.inputs import Inputs
from napari_densify.learn.sampler import Sampler
from napari_densify.learn.supervision import Supervision


@dataclass(frozen=True, eq=False)
class Batch:
    """What a step learns from: n patches of one shape.

    Attributes
    ----------
    values : (n, channels, z, y, x) float32
        As `Inputs.read` gives them, of a guess that may not have seen what is asked.
    told : (n, classes, z, y, x) float16
        What is annotated elsewhere, as much of it as that guess has seen.
    target : (n, z, y, x) int64
        Class indices.
    weight : (n, z, y, x) float32
        w; 0 where another guess than the one in `values` is to be learned from.
    unseen : (n,) bool
        Whether the guess in `values` has not seen what is asked of that patch.
    where : (n, z, y, x) int64
        Flat indices of the voxels that it was made of.
    """

    values: Tensor
    told: Tensor
    target: Tensor
    weight: Tensor
    unseen: Tensor
    where: NDArray[np.int64]


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

    def draw(self, count: int) -> Batch:
        """A batch of `count` patches."""
        patches = self.sampler.draw(count)
        size = patches[0].box.shape
        voxels = np.array([patch.voxel for patch in patches])
        folds = self._guess_at(voxels, self.supervision.at(voxels).wrong)
        turn = patches[0].turn
        tilt = None if turn is None else torch.from_numpy(turn).float()
        moved = augment.sources(count, size, self.spacing, self._random, tilt)
        drawn = [
            self.read(patch.box.start, each, int(fold))
            for patch, each, fold in zip(patches, moved.round().long(), folds, strict=True)
        ]
        told, target, weight, where = (
            np.stack(each).reshape(count, *size, *each[0].shape[1:])
            for each in zip(*drawn, strict=True)
        )
        values = torch.empty(*where.shape, self.inputs.channels)
        for each, fold, out in zip(where, folds, values, strict=True):
            self.inputs.take(each.ravel(), int(fold), out.flatten(0, -2))
        return Batch(
            augment.recolour(values.movedim(-1, 1), self.inputs.bank.filters, self._random),
            torch.from_numpy(told).movedim(-1, 1),
            torch.from_numpy(target),
            torch.from_numpy(weight),
            torch.from_numpy(folds != SHOWN),
            where,
        )

    def read(
        self, corner: Sequence[int], moved: Tensor, fold: int
    ) -> tuple[NDArray[np.float16], NDArray[np.intp], NDArray[np.float32], NDArray[np.int64]]:
        """What `Batch` holds of the n voxels of a patch: told, target, weight, where.

        Each voxel is the one nearest to where it comes from, so that values and label are of one
        place, whatever the warp. Beyond the volume its last voxels repeat, with w = 0.

        Parameters
        ----------
        corner : (3,) ints
        moved : (3, z, y, x) int64
            Where the voxels come from, from the corner on.
        fold : int
            Which guess the network sees, and so what of the annotation counts, see `_guess_at`.
        """
        shape = self.inputs.shape
        there = [m.numpy().ravel() + a for m, a in zip(moved, corner, strict=True)]
        zyx = [np.clip(t, 0, n - 1) for t, n in zip(there, shape, strict=True)]
        where = np.ravel_multi_index(zyx, shape)
        asked = self.supervision.at(where)
        counts = self._guess_at(where, asked.wrong) == fold
        told = asked.annotated & ~counts
        for original, inside in zip(there, zyx, strict=True):
            counts &= original == inside
        return self.inputs.marks(asked.index, told), asked.index, asked.weight * counts, where

    def _guess_at(
        self, where: NDArray[np.int64], corrected: NDArray[np.bool_]
    ) -> NDArray[np.uint8]:
        """Which guess the network learns from at voxels: the one that has not seen their fold.

        Where a prediction was corrected it is the one that has. Those voxels were painted because
        they were wrong: a guess that has not seen them is wrong on all of them, and from that the
        network learned to contradict it everywhere. Dice of hippocampus_004 and _006 after three
        corrected slices .857 and .880, with guesses that have not seen them .827 and .853, after
        the first one .788 and .766, and .707 and .659 (.801 and .790 before the network's 30
        steps).
        """
        fold: NDArray[np.uint8] = np.where(corrected, SHOWN, self.inputs.guess.folds.at(where))
        return fold
