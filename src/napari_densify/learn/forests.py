"""The forests of the first guess, fitted to what is annotated in all cases."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_densify.learn.folds import FOLDS, Folds
from napari_densify.learn.forest import Forest, Table, grow

TREES, FOLD_TREES = 48, 16
"""Trees of the forest that is shown, and of each that has not seen one fold."""
FEW = 28
"""Trees of the very first forest that are shown while the others grow. Dice of fib25 (three seeds)
.757 .757 .760 instead of .761 .760 .762, with 20 trees .752 .753 .758, which is less than the .755
of a forest on scikit-image's filters; of six hippocampi with 20 .716 instead of .720."""
EVEN = 0.5
"""How much rare classes are preferred: classes are drawn as often as n^(1 - EVEN). Dice with 0.5
and 1: fib25 .766 and .743, nuclei .881 and .880, four hippocampi .712 and .714."""
SHOWN = FOLDS
"""Stands for the forest that has seen all of the annotation."""

Stage = Literal["growing", "shown", "done"]
"""How far a fit is: trees grow, what is shown is new, what the network learns from is new too."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Annotated voxels of one case: (n, features) filter responses, class index and fold.

    Attributes
    ----------
    folds : Folds
        Which voxels of that case belong to which fold.
    """

    rows: NDArray[np.float32]
    index: NDArray[np.intp]
    fold: NDArray[np.uint8]
    folds: Folds


class Forests:
    """The forest that is shown, and one for each fold of the annotation that has not seen it.

    The latter are what the network learns from on that fold, see `learn.folds`.

    Parameters
    ----------
    features, classes, seed, threads : ints
    trees : int
        Of the forest that is shown.
    """

    def __init__(
        self, features: int, classes: int, seed: int, threads: int, trees: int = TREES
    ) -> None:
        self.trees = trees
        self.features, self.classes = features, classes
        self.seed, self.threads = seed, threads
        self._grown: dict[int, Forest] = {}

    @property
    def fitted(self) -> bool:
        """Whether they were fitted to an annotation, not only loaded."""
        return len(self._grown) > 1

    def set_classes(self, count: int) -> None:
        """Answer for that many classes; new ones are unlikely until the next fit."""
        self.classes = count

    def __getitem__(self, held_out: int) -> Forest | None:
        """The forest that has not seen a fold; a new one whenever it answers differently."""
        return self._grown.get(held_out)

    def fit(self, cases: Sequence[Examples], share: float = 0.0) -> Iterator[Stage]:
        """Fit anew, to all examples of all cases; until new forests are grown the old ones answer.

        Parameters
        ----------
        cases : sequence of Examples
        share : float
            What the first case has at least of a tree's draws, below 1: the case that is looked
            at, or the others would outvote it.

        Yields
        ------
        Stage
            Whenever something else may be done: "shown" when the shown forest is new, the first
            time after `FEW` trees already.
        """
        rows = np.concatenate([case.rows for case in cases])
        index = np.concatenate([case.index for case in cases])
        fold = np.concatenate([case.fold for case in cases])
        first = np.arange(len(index)) < len(cases[0].index)
        yield "growing"
        self._grown[SHOWN] = yield from self._grow(rows, index, _draws(index, first, share), SHOWN)
        yield "shown"
        held_out = {}
        for number in range(FOLDS):
            seen = fold != number
            if np.unique(index[seen]).size < 2:
                seen[:] = True
            weight = _draws(index[seen], first[seen], share)
            held_out[number] = yield from self._grow(rows[seen], index[seen], weight, number)
        self._grown |= held_out

    def _grow(
        self,
        rows: NDArray[np.float32],
        index: NDArray[np.intp],
        weight: NDArray[np.floating],
        number: int,
    ) -> Generator[Stage, None, Forest]:
        trees: list[Table] = []
        for more in grow(
            rows,
            index,
            weight,
            self.classes,
            trees=self.trees if number == SHOWN else FOLD_TREES,
            seed=self.seed + number,
            threads=self.threads,
        ):
            trees += more
            if number == SHOWN and SHOWN not in self._grown and len(trees) >= FEW:
                self._grown[SHOWN] = Forest(list(trees), self.features, self.classes)
                yield "shown"
            yield "growing"
        return Forest(trees, self.features, self.classes)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """The shown forest as arrays; the others are fitted again where there is annotation."""
        return self._grown[SHOWN].state() if self._grown else {}

    def load(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Show a forest from `state`; to train, they are fitted anew.

        It may know fewer classes: one is told apart before a forest is fitted with it.

        Raises
        ------
        KeyError, ValueError
            If it is of other features or of more classes.
        """
        classes = min(state["values"].shape[-1], self.classes)
        self._grown = {SHOWN: Forest.from_state(state, self.features, classes)}


def _draws(index: NDArray[np.intp], first: NDArray[np.bool_], share: float) -> NDArray[np.floating]:
    """How often each row is drawn: rare classes and the first case more often than they occur."""
    weight: NDArray[np.floating] = 1.0 / np.bincount(index)[index] ** EVEN
    of_first, of_others = weight[first].sum(), weight[~first].sum()
    if of_first and of_others:
        weight[first] *= max(1.0, share / (1.0 - share) * of_others / of_first)
    return weight
