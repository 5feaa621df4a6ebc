"""The dense answer of the first second: a random forest on filters and position.

It is what ilastik and Labkit do, and what the network then learns to correct.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.box import Box
from napari_densify.learn.features import FeatureBank
from napari_densify.learn.folds import FOLDS, Folds
from napari_densify.learn.forest import Forest
from napari_densify.learn.supervision import Supervision

TREES, FOLD_TREES = 48, 16
"""Trees of the forest that is shown, and of each that has not seen one fold."""
ROWS = 60000
"""Most voxels of each class that trees are drawn from, to bound the memory. Of fib25's 62,000
annotated voxels 6000 a class bring .71, all of them .76."""
FLOOR = 0.01
"""Added to each probability: a forest is never as sure as it says."""
EVEN = 0.5
"""How much rare classes are preferred: classes are drawn as often as n^(1 - EVEN). Dice with 0.5
and 1: fib25 .766 and .743, nuclei .881 and .880, four hippocampi .712 and .714."""
CELL = 16
"""Side of the cells that are computed at once; a viewed slice is thin."""
SHOWN = FOLDS
"""Stands for the forest that has seen all of the annotation."""


class FirstGuess:
    """What forests say of every voxel, computed where it is asked for.

    Besides the forest that is shown there is one for each fold of the annotation that has not
    seen it: what the network learns from on that fold, see `learn.folds`.

    Parameters
    ----------
    bank : FeatureBank
    classes : int
        How many classes there are.
    seed, threads : ints
    """

    def __init__(self, bank: FeatureBank, classes: int, seed: int, threads: int) -> None:
        self.bank, self.seed, self.threads = bank, seed, threads
        self._forests: dict[int, Forest] = {}
        self._fold = np.empty(0, np.uint8)
        self.folds = Folds(np.empty(0, np.int64), bank.shape)
        self.set_classes(classes)

    @property
    def fitted(self) -> bool:
        """Whether it was fitted to an annotation, not only loaded."""
        return self._fold.size > 0

    def set_classes(self, count: int) -> None:
        """Answer for that many classes; new ones are unlikely until the next fit."""
        self.classes = count
        # Only touched pages of this become memory.
        self._values = np.empty((FOLDS + 1, count, *self.bank.shape), np.float16)
        self._forget()

    def fit(self, supervision: Supervision) -> None:
        """Fit the forests anew, to all that is annotated now."""
        where, index, weight = supervision.all()
        kept = self._subsample(index, weight)
        where, index = where[kept], index[kept]
        self.folds = _telling_folds(where, index, self.bank.shape)
        self._rows, self._index = self._rows_at(where), index
        self._fold = self.folds.at(where)
        self._forests = {SHOWN: self._grow(SHOWN)}
        self._forget()

    def _grow(self, held_out: int) -> Forest:
        seen = self._fold != held_out
        if np.unique(self._index[seen]).size < 2:
            seen[:] = True
        index = self._index[seen]
        return Forest.fit(
            self._rows[seen],
            index,
            1.0 / np.bincount(index)[index] ** EVEN,
            self.classes,
            trees=TREES if held_out == SHOWN else FOLD_TREES,
            seed=self.seed + held_out,
            threads=self.threads,
        )

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
        probability = np.zeros((len(joined), self.classes), np.float32)
        if self._forests:
            # Those of the folds are grown when the first patch asks: what is shown comes first.
            if held_out not in self._forests:
                self._forests[held_out] = self._grow(held_out)
            forest = self._forests[held_out]
            probability[:, : forest.classes] = forest.probability(joined, self.threads)
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

    def _subsample(self, index: NDArray[np.intp], weight: NDArray[np.float32]) -> NDArray[np.intp]:
        """Which voxels are learned from; the more they weigh, the more likely they are kept."""
        random = np.random.default_rng(self.seed)
        kept = []
        for k in range(self.classes):
            each = np.flatnonzero(index == k)
            if each.size > ROWS:
                share = weight[each] / weight[each].sum(dtype=np.float64)
                each = random.choice(each, ROWS, replace=False, p=share)
            kept.append(each)
        return np.sort(np.concatenate(kept))

    def _forget(self) -> None:
        self._known = np.zeros((FOLDS + 1, *(-(-n // CELL) for n in self.bank.shape)), bool)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """The shown forest as arrays; the others are fitted again where there is annotation."""
        return self._forests[SHOWN].state() if self._forests else {}

    def load(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Show a forest from `state`; to train, it is fitted anew.

        Raises
        ------
        KeyError, ValueError
            If it is another bank's or of other classes.
        """
        forest = Forest.from_state(state, self.bank.channels, self.classes)
        self._forests, self._fold = {SHOWN: forest}, np.empty(0, np.uint8)
        self._forget()


def _telling_folds(
    where: NDArray[np.int64], index: NDArray[np.intp], shape: tuple[int, ...]
) -> Folds:
    """Folds by planes if without each of them two classes are left, else by blocks."""
    folds = Folds(where, shape)
    fold = folds.at(where)
    if all(np.unique(index[fold != f]).size > 1 for f in range(FOLDS)):
        return folds
    return folds.by_block()
