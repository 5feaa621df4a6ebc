"""What is known of one case, and the patches that it gives to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.edit import Edit
from napari_densify.learn.features import FeatureBank, normalise
from napari_densify.learn.first_guess import FirstGuess
from napari_densify.learn.forests import Forests
from napari_densify.learn.grid import Grid
from napari_densify.learn.inputs import Inputs
from napari_densify.learn.patches import Patches
from napari_densify.learn.refined_map import RefinedMap
from napari_densify.learn.sampler import Sampler
from napari_densify.learn.supervision import Supervision
from napari_densify.learn.template import Template

PATCH = 40**3
"""Voxels a patch."""


class Case:
    """One volume with its annotation, on the voxels that the network works on.

    Parameters
    ----------
    image : (c, z, y, x) array
        Any numeric type; its grey values are normalised by themselves, so that cases of another
        contrast can be learned from together.
    grid : Grid
        From the image's voxels to the network's.
    device : torch.device

    Attributes
    ----------
    painted : Annotation
        On the image's voxels.
    annotation : Annotation
        The same on the network's voxels, which mostly are the image's.
    """

    def __init__(self, image: NDArray[np.generic], grid: Grid, device: torch.device) -> None:
        self.grid = grid
        self.bank = FeatureBank(grid.image(normalise(image)), grid.spacing, device)
        self.painted = Annotation(grid.outer)
        self.annotation = self.painted if grid.same else Annotation(grid.inner)

    def join(
        self, forests: Forests, stride: Sequence[int], classes: Sequence[int], seed: int
    ) -> None:
        """Take part in learning: with these forests and a network of that stride."""
        self.guess = FirstGuess(self.bank, forests)
        self.refined = RefinedMap(self.guess)
        self.supervision = Supervision(self.annotation, classes)
        self.inputs = Inputs(self.bank, self.guess, self.supervision)
        rng, random = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        spacing = self.grid.spacing
        self.sampler = Sampler(self.annotation, stride, PATCH, rng, spacing)
        self.patches = Patches(self.sampler, self.inputs, self.supervision, spacing, random)

    def place(self, template: Template) -> None:
        """Count positions as in a template, from the next fit of the forests on."""
        # Not of the case itself: in a cycle it would be freed much later than it is forgotten.
        self.bank.place(partial(template.placement, self.bank.image, self.grid.spacing))

    def apply(self, edit: Edit) -> None:
        """Take over an edit of the image's voxels."""
        self.painted.apply(edit)
        if not edit.where.size:
            return
        if self.annotation is not self.painted:
            follows = self.grid.edit(edit, self.painted, self.annotation)
            if follows is None:
                return
            self.annotation.apply(follows)
            edit = follows
        self.sampler.notice(edit)
        self.refined.painted(edit.box(self.annotation.shape))
