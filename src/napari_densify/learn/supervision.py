"""What the annotation asks of network and guess: class index and weight w of voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box


@dataclass(frozen=True, eq=False)
class Asked:
    """What is asked of some voxels.

    Attributes
    ----------
    index : (...) int
        Class indices where annotated.
    weight : (...) float32
        w; 0 where not annotated.
    wrong : (...) bool
        Where a prediction that was shown was corrected.
    annotated : (...) bool
    """

    index: NDArray[np.intp]
    weight: NDArray[np.float32]
    wrong: NDArray[np.bool_]
    annotated: NDArray[np.bool_]


class Supervision:
    """Reads an annotation the way that losses want it.

    Parameters
    ----------
    annotation : Annotation
    classes : list of ints
        Labels in the order of the network's outputs.
    """

    def __init__(self, annotation: Annotation, classes: Sequence[int]) -> None:
        self.annotation = annotation
        self._balance = np.ones(256, np.float32)
        self.tell_apart(classes)
        self.weigh(annotation.weight_table())

    def tell_apart(self, classes: Sequence[int]) -> None:
        """Take over the order of the network's outputs."""
        self.classes = list(classes)
        self._index_of = np.zeros(256, np.uint8)
        self._index_of[self.classes] = np.arange(len(self.classes))

    def weigh(self, table: NDArray[np.float32]) -> None:
        """Take over w by label, round and wrong flag, see `cases.weight`."""
        self._weight_of = table
        # In round 0 an edit's weight is 1; 0 is for classes that are not annotated.
        factor = self._weight_of[:, 0, 0]
        self._balance = np.where(factor > 0, factor, self._balance)

    @property
    def balance(self) -> NDArray[np.float32]:
        """(classes,) factor in w that each class has for being rare; 1 before it is annotated."""
        return self._balance[self.classes]

    @balance.setter
    def balance(self, factor: NDArray[np.float32]) -> None:
        self._balance[self.classes] = factor

    def all(self) -> tuple[NDArray[np.int64], Asked]:
        """Flat indices of the annotated voxels, and what is asked of them."""
        everything = self.annotation.everything()
        return everything.where, self._asked(everything.after)

    def read(self, box: Box) -> Asked:
        """What is asked of the voxels of a box inside the volume."""
        return self._asked(self.annotation.read(box))

    def at(self, where: NDArray[np.int64]) -> Asked:
        """The same of voxels at flat indices."""
        return self._asked(self.annotation.at(where))

    def _asked(self, marks: NDArray[np.void]) -> Asked:
        label, round_, wrong = (marks[f].astype(np.intp) for f in ("label", "round", "wrong"))
        index: NDArray[np.intp] = self._index_of[label].astype(np.intp)
        weight: NDArray[np.float32] = self._weight_of[label, round_, wrong]
        return Asked(index, weight, wrong > 0, label > 0)
