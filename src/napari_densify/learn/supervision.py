"""What the annotation asks of network and guess: class index and weight w of voxels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box


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

    def all(self) -> tuple[NDArray[np.int64], NDArray[np.intp], NDArray[np.float32]]:
        """Flat indices of the annotated voxels, their class indices and weights."""
        everything = self.annotation.everything()
        return everything.where, *self._of(everything.after)

    def read(self, box: Box) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Class indices and weights in a box inside the volume; w = 0 where not annotated."""
        return self._of(self.annotation.read(box))

    def told(self, box: Box) -> NDArray[np.bool_]:
        """What of the annotation in a box is told to what was learned beforehand.

        Not where a prediction was corrected: of a slice only its mistakes are painted then, and
        what is right is not. Dice of hippocampus_004 and _003 after one, two and three corrected
        slices .819 .872 .886 and .818 .873 .893; with corrections told .816 .864 .879 and .813 .877
        .889.
        """
        return self._told(self.annotation.read(box))

    def told_at(self, where: NDArray[np.int64]) -> NDArray[np.bool_]:
        """The same at flat voxel indices."""
        return self._told(self.annotation.at(where))

    @staticmethod
    def _told(marks: NDArray[np.void]) -> NDArray[np.bool_]:
        told: NDArray[np.bool_] = (marks["label"] > 0) & (marks["wrong"] == 0)
        return told

    def at(self, where: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Class indices and weights at flat voxel indices; w = 0 where not annotated."""
        return self._of(self.annotation.at(where))

    def _of(self, marks: NDArray[np.void]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        label, round_, wrong = (marks[f].astype(np.intp) for f in ("label", "round", "wrong"))
        index: NDArray[np.intp] = self._index_of[label].astype(np.intp)
        weight: NDArray[np.float32] = self._weight_of[label, round_, wrong]
        return index, weight
