"""What is shown of a volume: the prediction, how sure it is, and where it contradicts the user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.blocks import Blocks
from napari_densify.cases.box import Box, tiles
from napari_densify.cases.edit import Edit
from napari_densify.cases.learned import Learned
from napari_densify.session.disagreements import Disagreements
from napari_densify.session.folding import as_now
from napari_densify.session.news import Block

PIECE = 4
"""Slices that are searched for a class at a time."""


class Shown:
    """Arrays of the volume's size that windows show; what is painted always wins in them.

    Parameters
    ----------
    annotation : Annotation

    Attributes
    ----------
    prediction : (z, y, x) uint8
        Labels as in the annotation, 0 where nothing is predicted yet.
    uncertainty : (z, y, x) uint8
        How little sure the prediction is, see `Block`; 0 where something is painted and where
        nothing is predicted.
    disagreements : Disagreements
    predicted : bool
        Whether anything was predicted yet; before that, all that is shown is what is painted.
    """

    def __init__(self, annotation: Annotation) -> None:
        self.annotation = annotation
        self.prediction: NDArray[np.uint8] = np.zeros(annotation.shape, np.uint8)
        self.uncertainty: NDArray[np.uint8] = np.zeros(annotation.shape, np.uint8)
        self.disagreements = Disagreements(annotation)
        self.predicted = False
        # What is predicted where something is painted; 0 where that is not known.
        self._below = Blocks(annotation.shape, np.uint8)

    def resume(self, learned: Learned) -> None:
        """Take over what a project keeps of the prediction; it has strokes in it too."""
        learned.read_prediction(self.prediction)
        self.annotation.draw(self.prediction)
        shown = np.count_nonzero(self.prediction)
        self.predicted = bool(shown > self.annotation.annotated)

    def take(self, block: Block, folded: Mapping[int, int]) -> None:
        """Take over a piece of the prediction.

        Parameters
        ----------
        block : Block
        folded : dict
            Labels that count as another one; the block may be from before the worker knew.
        """
        self.predicted = True
        inside, labels = block.box.slices, block.labels
        painted = self.annotation.read(block.box)["label"]
        labels = as_now(labels, folded)
        self.disagreements.note(block.box, painted, labels)
        self.prediction[inside] = np.where(painted, painted, labels)
        self.uncertainty[inside] = np.where(painted, 0, block.uncertainty)
        there = np.argwhere(painted)
        where = np.ravel_multi_index(tuple((there + block.box.start).T), self.prediction.shape)
        self._below.put(where, labels[tuple(there.T)])

    def follow(self, edit: Edit, folded: Mapping[int, int]) -> None:
        """Show what an edit painted, and where it erased what is predicted there.

        Where that is not known what is there stays, as in a project that was just opened; before
        anything was predicted nothing stays, or a stroke that was taken back would pass for a
        prediction.

        Parameters
        ----------
        edit : Edit
        folded : dict
            Labels that count as another one by now.
        """
        shown, labels = self.prediction.reshape(-1), edit.after["label"]
        first = (labels > 0) & (edit.before["label"] == 0)
        self._below.put(edit.where[first], shown[edit.where[first]])
        below = self._below.get(edit.where).astype(np.uint8)
        drawn = (labels > 0) | (below > 0) | (not self.predicted)
        where, below = edit.where[drawn], as_now(below[drawn], folded)
        shown[where] = np.where(labels[drawn] > 0, labels[drawn], below)
        self.uncertainty.reshape(-1)[where] = 0

    def wrong(self, where: NDArray[np.int64], labels: NDArray[np.uint8] | int) -> NDArray[np.bool_]:
        """Whether the prediction is another one than these labels, voxel by voxel.

        Where something is painted, that is what is shown, and no prediction.
        """
        shown = self.prediction.reshape(-1)[where]
        predicted = (shown != 0) & (self.annotation.at(where)["label"] == 0)
        return np.asarray(predicted & (shown != labels), bool)

    def voxels(self, label: int) -> Iterator[tuple[Box, NDArray[np.int64]]]:
        """Where a class is predicted, piece by piece, as flat indices; may be asked in a thread."""
        _, height, width = self.prediction.shape
        for box in tiles(self.prediction.shape, (PIECE, height, width)):
            where = np.flatnonzero(self.prediction[box.slices] == label)
            if where.size:
                yield box, where + box.start[0] * height * width

    def fold(self, where: NDArray[np.int64], label: int, into: int) -> None:
        """Show a class as another one at these voxels, 0: as nothing.

        Those that have become something else since they were looked for stay what they are.
        """
        flat = self.prediction.reshape(-1)
        flat[where[flat[where] == label]] = into

    def forget(self) -> None:
        """Show nothing but what is painted."""
        self.prediction[:] = self.uncertainty[:] = 0
        self.annotation.draw(self.prediction)
        self.predicted = False
        self._below = Blocks(self.annotation.shape, np.uint8)
        self.disagreements.forget()
