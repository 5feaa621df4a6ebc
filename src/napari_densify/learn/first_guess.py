"""The dense answer of the first second: a random forest on filters and position.

It is what ilastik and Labkit do, and what the network then learns to correct.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.box import Box
from napari_densify.learn.features import FeatureBank
from napari_densify.learn.folds import FOLDS, Folds
from napari_densify.learn.forests import SHOWN, Examples, Forests
from napari_densify.learn.supervision import Supervision

ROWS = 60000
"""Most voxels of each class that trees are drawn from, to bound the memory. Of fib25's 62,000
annotated voxels 6000 a class bring .71, all of them .76."""
FLOOR = 0.01
"""Added to each probability: a forest is never as sure as it says."""
CELL = 16
"""Side of the cells that are computed at once; a viewed slice is thin."""


class FirstGuess:
    """What the forests say of every voxel of a case, computed where it is asked for.

    Parameters
    ----------
    bank : FeatureBank
        Of the case.
    forests : Forests
        Of all cases.
    """

    def __init__(self, bank: FeatureBank, forests: Forests) -> None:
        self.bank, self.forests = bank, forests
        self.folds = Folds(np.empty(0, np.int64), bank.shape)
        self._values = np.empty((FOLDS + 1, 0, *bank.shape), np.float16)
        self._forget()

    @property
    def classes(self) -> int:
        """How many classes it answers for."""
        return self.forests.classes

    def examples(self, supervision: Supervision) -> Examples:
        """What is annotated now, for the forests to be fitted to; decides about the folds."""
        where, index, weight = supervision.all()
        kept = _subsample(index, weight, self.classes, self.forests.seed)
        where, index = where[kept], index[kept]
        self.folds = _telling_folds(where, index, self.bank.shape)
        return Examples(self._rows_at(where), index, self.folds.at(where))

    def read(self, box: Box, held_out: int = SHOWN) -> NDArray[np.float16]:
        """Logits of a box inside the volume, a view.

        Parameters
        ----------
        box : Box
        held_out : int
            Fold that the forest has not seen.

        Returns
        -------
        (classes, z, y, x) float16
            Logarithms of probabilities, plus a constant that brings them around 0.
        """
        if self._age != self.forests.age:
            self._forget()
        grid = tuple(
            slice(a // CELL, -(-b // CELL)) for a, b in zip(box.start, box.stop, strict=True)
        )
        known = self._known[held_out][grid]
        unknown = [
            Box.cut([int(o + g.start) * CELL for o, g in zip(offset, grid, strict=True)],
                    [CELL] * 3, self.bank.shape)
            for offset in np.argwhere(~known)
        ]  # fmt: skip
        if unknown:
            self._fill(unknown, held_out)
            known[...] = True
        logits: NDArray[np.float16] = self._values[held_out][:, *box.slices]
        return logits

    def _fill(self, cells: list[Box], held_out: int) -> None:
        rows = [self.bank.read(c).reshape(self.bank.channels, -1) for c in cells]
        joined = np.concatenate(rows, axis=1).T.astype(np.float32, order="C")
        probability = self.forests.probability(joined, held_out)
        logits = np.log((probability + FLOOR) / np.sqrt(FLOOR))
        ends = np.cumsum([r.shape[1] for r in rows])[:-1]
        for cell, part in zip(cells, np.split(logits, ends), strict=True):
            self._values[held_out][:, *cell.slices] = part.T.reshape(-1, *cell.shape)

    def _rows_at(self, where: NDArray[np.int64]) -> NDArray[np.float32]:
        """(n, channels) filter responses and positions of voxels."""
        zyx = np.stack(np.unravel_index(where, self.bank.shape))
        rows = np.empty((where.size, self.bank.channels), np.float32)
        for each in np.unique(zyx // CELL, axis=1).T:
            cell = Box.cut([int(c) * CELL for c in each], [CELL] * 3, self.bank.shape)
            inside = (zyx // CELL == each[:, None]).all(axis=0)
            z, y, x = zyx[:, inside] - np.array(cell.start)[:, None]
            rows[inside] = self.bank.read(cell)[:, z, y, x].T
        return rows

    def _forget(self) -> None:
        self._age = self.forests.age
        if self._values.shape[1] != self.classes:
            # Only touched pages of this become memory.
            self._values = np.empty((FOLDS + 1, self.classes, *self.bank.shape), np.float16)
        self._known = np.zeros((FOLDS + 1, *(-(-n // CELL) for n in self.bank.shape)), bool)


def _subsample(
    index: NDArray[np.intp], weight: NDArray[np.float32], classes: int, seed: int
) -> NDArray[np.intp]:
    """Which voxels are learned from; the more they weigh, the more likely they are kept."""
    random = np.random.default_rng(seed)
    kept = [np.empty(0, np.intp)]
    for k in range(classes):
        each = np.flatnonzero(index == k)
        if each.size > ROWS:
            share = weight[each] / weight[each].sum(dtype=np.float64)
            each = random.choice(each, ROWS, replace=False, p=share)
        kept.append(each)
    return np.sort(np.concatenate(kept))


def _telling_folds(
    where: NDArray[np.int64], index: NDArray[np.intp], shape: tuple[int, ...]
) -> Folds:
    """Folds by planes if without each of them two classes are left, else by blocks."""
    folds = Folds(where, shape)
    fold = folds.at(where)
    if all(np.unique(index[fold != f]).size > 1 for f in range(FOLDS)):
        return folds
    return folds.by_block()
