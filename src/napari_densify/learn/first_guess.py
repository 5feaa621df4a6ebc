"""The dense answer of the first second: a random forest on filters and position.

It is what ilastik and Labkit do, and what the network then learns to correct.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.box import Box
from napari_densify.learn.features import FeatureBank
from napari_densify.learn.folds import FOLDS, Folds
from napari_densify.learn.forest import Forest, Table, grow
from napari_densify.learn.forest_map import ForestMap
from napari_densify.learn.supervision import Supervision

TREES, FOLD_TREES = 48, 16
"""Trees of the forest that is shown, and of each that has not seen one fold."""
ROWS = 60000
"""Most voxels of each class that trees are drawn from, to bound the memory. Of fib25's 62,000
annotated voxels 6000 a class bring .71, all of them .76."""
EVEN = 0.5
"""How much rare classes are preferred: classes are drawn as often as n^(1 - EVEN). Dice with 0.5
and 1: fib25 .766 and .743, nuclei .881 and .880, four hippocampi .712 and .714."""
SHOWN = FOLDS
"""Stands for the forest that has seen all of the annotation."""

Stage = Literal["growing", "shown", "done"]
"""How far a fit is: trees grow, what is shown is new, what the network learns from is new too."""


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

    Attributes
    ----------
    folds : Folds
        What each of the forests for the network has not seen.
    fitted : bool
        Whether there are such forests; not where a guess was only loaded.
    """

    def __init__(self, bank: FeatureBank, classes: int, seed: int, threads: int) -> None:
        self.bank, self.seed, self.threads = bank, seed, threads
        self.folds = Folds(np.empty(0, np.int64), bank.shape)
        self.fitted = False
        self._forests: dict[int, Forest] = {}
        self.set_classes(classes)

    def set_classes(self, count: int) -> None:
        """Answer for that many classes; new ones are unlikely until the next fit."""
        self.classes = count
        self._fit: Generator[Stage] | None = None
        self._maps = [ForestMap(self.bank, count, self.threads) for _ in range(FOLDS + 1)]
        for number, forest in self._forests.items():
            self._maps[number].show(forest)

    def fit(
        self, supervision: Supervision, interrupt: Callable[[], bool] = lambda: False
    ) -> Stage:
        """Go on with fitting the forests to what was annotated when that fit began.

        Until new forests are grown the old ones answer.

        Parameters
        ----------
        supervision : Supervision
            Looked at if no fit is under way: then one begins.
        interrupt : callable
            Asked after every few trees; True ends this call early.

        Returns
        -------
        Stage
            "shown" once in each fit, as soon as the shown forest is new; "done" at its end.
        """
        if self._fit is None:
            self._fit = self._fitting(supervision)
        for stage in self._fit:
            if stage == "shown" or interrupt():
                return stage
        self._fit = None
        return "done"

    def _fitting(self, supervision: Supervision) -> Generator[Stage]:
        where, index, weight = supervision.all()
        kept = self._subsample(index, weight)
        where, index = where[kept], index[kept]
        rows = self.bank.at(where).astype(np.float32)
        folds = _telling_folds(where, index, self.bank.shape)
        fold = folds.at(where)
        yield "growing"
        self._show(SHOWN, (yield from self._grow(rows, index, SHOWN)))
        yield "shown"
        forests = []
        for held_out in range(FOLDS):
            seen = fold != held_out
            if np.unique(index[seen]).size < 2:
                seen[:] = True
            forests.append((yield from self._grow(rows[seen], index[seen], held_out)))
        for held_out, forest in enumerate(forests):
            self._show(held_out, forest)
        self.folds, self.fitted = folds, True

    def _grow(
        self, rows: NDArray[np.float32], index: NDArray[np.intp], number: int
    ) -> Generator[Stage, None, Forest]:
        trees: list[Table] = []
        for more in grow(
            rows,
            index,
            1.0 / np.bincount(index)[index] ** EVEN,
            self.classes,
            trees=TREES if number == SHOWN else FOLD_TREES,
            seed=self.seed + number,
            threads=self.threads,
        ):
            trees += more
            yield "growing"
        return Forest(trees, self.bank.channels, self.classes)

    def _show(self, number: int, forest: Forest) -> None:
        self._forests[number] = forest
        self._maps[number].show(forest)

    def read(self, box: Box, held_out: int = SHOWN) -> NDArray[np.float16]:
        """Logits of a box inside the volume, a view.

        Parameters
        ----------
        box : Box
        held_out : int
            Fold that the forest has not seen.

        Returns
        -------
        (z, y, x, classes) float16
            Logarithms of probabilities, plus a constant that brings them around 0.
        """
        return self._maps[held_out].read(box)

    def at(self, where: NDArray[np.int64], held_out: int = SHOWN) -> NDArray[np.float16]:
        """(n, classes) logits of voxels at flat indices (C order), a copy; see `read`."""
        return self._maps[held_out].at(where)

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
        self._forests, self._fit, self.fitted = {}, None, False
        self._show(SHOWN, forest)


def _telling_folds(
    where: NDArray[np.int64], index: NDArray[np.intp], shape: tuple[int, ...]
) -> Folds:
    """Folds by planes if without each of them two classes are left, else by blocks."""
    folds = Folds(where, shape)
    fold = folds.at(where)
    if all(np.unique(index[fold != f]).size > 1 for f in range(FOLDS)):
        return folds
    return folds.by_block()
