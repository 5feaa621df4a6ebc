"""The forests of the first guess, fitted to what is annotated in all cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_densify.learn.folds import FOLDS
from napari_densify.learn.forest import Forest

TREES, FOLD_TREES = 48, 16
"""Trees of the forest that is shown, and of each that has not seen one fold."""
EVEN = 0.5
"""How much rare classes are preferred: classes are drawn as often as n^(1 - EVEN). Dice with 0.5
and 1: fib25 .766 and .743, nuclei .881 and .880, four hippocampi .712 and .714."""
SHOWN = FOLDS
"""Stands for the forest that has seen all of the annotation."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Annotated voxels of one case: (n, features) filter responses, class index and fold."""

    rows: NDArray[np.float32]
    index: NDArray[np.intp]
    fold: NDArray[np.uint8]


class Forests:
    """The forest that is shown, and one for each fold of the annotation that has not seen it.

    The latter are what the network learns from on that fold, see `learn.folds`; they are grown
    when the first patch asks: what is shown comes first.

    Parameters
    ----------
    features, classes, seed, threads : ints

    Attributes
    ----------
    age : int
        Rises whenever they answer differently from before.
    """

    def __init__(self, features: int, classes: int, seed: int, threads: int) -> None:
        self.features, self.classes = features, classes
        self.seed, self.threads = seed, threads
        self.age = 0
        self._grown: dict[int, Forest] = {}
        self._examples: Examples | None = None

    @property
    def fitted(self) -> bool:
        """Whether they were fitted to an annotation, not only loaded."""
        return self._examples is not None

    def set_classes(self, count: int) -> None:
        """Answer for that many classes; new ones are unlikely until the next fit."""
        self.classes = count
        self.age += 1

    def fit(self, cases: Sequence[Examples]) -> None:
        """Fit anew, to all examples of all cases."""
        self._examples = Examples(
            np.concatenate([case.rows for case in cases]),
            np.concatenate([case.index for case in cases]),
            np.concatenate([case.fold for case in cases]),
        )
        self._grown = {SHOWN: self._grow(self._examples, SHOWN)}
        self.age += 1

    def probability(self, rows: NDArray[np.float32], held_out: int) -> NDArray[np.float32]:
        """(n, classes) of (n, features) rows; 0 everywhere before there is a forest."""
        answer = np.zeros((len(rows), self.classes), np.float32)
        if held_out not in self._grown and self._examples is not None:
            self._grown[held_out] = self._grow(self._examples, held_out)
        forest = self._grown.get(held_out)
        if forest is not None:
            answer[:, : forest.classes] = forest.probability(rows, self.threads)
        return answer

    def _grow(self, examples: Examples, held_out: int) -> Forest:
        seen = examples.fold != held_out
        if np.unique(examples.index[seen]).size < 2:
            seen[:] = True
        index = examples.index[seen]
        return Forest.fit(
            examples.rows[seen],
            index,
            1.0 / np.bincount(index)[index] ** EVEN,
            self.classes,
            trees=TREES if held_out == SHOWN else FOLD_TREES,
            seed=self.seed + held_out,
            threads=self.threads,
        )

    def state(self) -> dict[str, NDArray[np.generic]]:
        """The shown forest as arrays; the others are fitted again where there is annotation."""
        return self._grown[SHOWN].state() if self._grown else {}

    def load(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Show a forest from `state`; to train, they are fitted anew.

        Raises
        ------
        KeyError, ValueError
            If it is of other features or classes.
        """
        self._grown = {SHOWN: Forest.from_state(state, self.features, self.classes)}
        self._examples = None
        self.age += 1
