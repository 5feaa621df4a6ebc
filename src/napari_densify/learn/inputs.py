"""What the network sees: filter responses, position and the first guess."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_densify.cases.box import Box
from napari_densify.learn.features import FeatureBank
from napari_densify.learn.first_guess import FirstGuess
from napari_densify.learn.forests import SHOWN


class Inputs:
    """Reads the network's input of any box.

    Parameters
    ----------
    bank : FeatureBank
    guess : FirstGuess
    """

    def __init__(self, bank: FeatureBank, guess: FirstGuess) -> None:
        self.bank, self.guess = bank, guess
        self.shape = bank.shape

    @property
    def channels(self) -> int:
        """Filter responses, position, and at the end the guess's logits, one of each class."""
        count: int = self.bank.channels + self.guess.classes
        return count

    def read(self, box: Box, held_out: int = SHOWN) -> Tensor:
        """(z, y, x, channels) float16; beyond the volume's end its last voxels repeat.

        Parameters
        ----------
        box : Box
            May reach out of the volume at its end.
        held_out : int
            Fold of the annotation that the guess has not seen.
        """
        inside = Box.cut(box.start, box.shape, self.shape)
        parts = self.bank.read(inside), self.guess.read(inside, held_out)
        values = np.concatenate(parts, axis=-1)
        beyond = [(0, b - i) for b, i in zip(box.shape, inside.shape, strict=True)]
        if any(after for _, after in beyond):
            values = np.pad(values, [*beyond, (0, 0)], mode="edge")
        return torch.from_numpy(values)

    def at(self, where: NDArray[np.int64], held_out: int = SHOWN) -> Tensor:
        """(n, channels) float16 of voxels at flat indices (C order); see `read`."""
        parts = self.bank.at(where), self.guess.at(where, held_out)
        return torch.from_numpy(np.concatenate(parts, axis=-1))
