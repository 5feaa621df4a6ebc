"""What the guess of every voxel was made better to, kept where it was asked for.

What was learned beforehand answers the same until something is painted or the guess is fitted
again, while training asks for it at each step, and what is shown each time that a block is
predicted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from napari_densify.cases.box import Box
from napari_densify.learn.cells import Cells
from napari_densify.learn.first_guess import FirstGuess
from napari_densify.learn.forests import SHOWN
from napari_densify.learn.pages import Pages
from napari_densify.learn.prediction import classes_first
from napari_densify.learn.pretrained import Refiner

CELL = 8
"""Side of the cells that are known or not; a viewed slice is thin."""
NEAR = 8
"""Voxels around an edit where nothing that was answered before holds any more."""


class RefinedMap:
    """Probabilities of the guess made better by one refiner, where they were written.

    A cell is *current* until something is painted anywhere or the guess is fitted again, and
    *known*, if perhaps of an older guess, until something is painted near it.

    Parameters
    ----------
    guess : FirstGuess
        That is made better.
    """

    def __init__(self, guess: FirstGuess) -> None:
        self._guess = guess
        self._refiner: Refiner | None = None
        self._forest: object = None

    def follow(self, refiner: Refiner) -> None:
        """Forget what another refiner said; what it said of an older guess is not current."""
        shape = self._guess.bank.shape
        if refiner is not self._refiner:
            self._refiner = refiner
            # Only touched pages of this become memory.
            self._pages = Pages((*shape, refiner.classes), np.float16)
            self._known, self._current = Cells(shape, CELL), Cells(shape, CELL)
        if self._guess.forests[SHOWN] is not self._forest:
            self._forest = self._guess.forests[SHOWN]
            self._current.flags[:] = False

    def painted(self, box: Box) -> None:
        """Something was painted in a box."""
        if self._refiner is not None:
            self._current.flags[:] = False
            around = box.grow([NEAR] * 3, self._guess.bank.shape)
            self._known.flags[self._known.touched(around)] = False

    def forget(self, stop: int) -> None:
        """Give back the memory of slices before `stop`."""
        if self._refiner is not None:
            self._current.forget(stop)
            self._pages.give_back(self._known.forget(stop))

    def current(self, box: Box) -> bool:
        """Whether all of a box is what it would be if the refiner were asked now."""
        return bool(self._current.flags[self._current.touched(box)].all())

    def read(self, box: Box) -> Tensor:
        """(classes, z, y, x) probabilities of a box."""
        return classes_first(self._pages.array[box.slices])

    def write(self, box: Box, probability: Tensor) -> None:
        """Keep what the (classes, z, y, x) probabilities of a box are now."""
        self._pages.array[box.slices] = probability.movedim(0, -1).half().numpy()
        whole = self._known.covered(box)
        self._known.flags[whole] = self._current.flags[whole] = True

    def knows(self, where: NDArray[np.int64]) -> bool:
        """Whether all of some voxels, at flat indices, are known."""
        return bool(self._known.flags.all() or self._known.flags[self._known.of(where)].all())

    def at(self, where: NDArray[np.int64]) -> NDArray[np.float16]:
        """(n, classes) probabilities of known voxels at flat indices, a copy."""
        flat: NDArray[np.float16] = self._pages.array.reshape(-1, self._pages.array.shape[-1])
        return flat.take(where, axis=0)
