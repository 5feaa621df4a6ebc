"""What is shown of a volume: the prediction, how sure it is, and where it contradicts the user."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.edit import Edit
from napari_densify.session.disagreements import Disagreements
from napari_densify.session.news import Block


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
    """

    def __init__(self, annotation: Annotation) -> None:
        self.annotation = annotation
        self.prediction: NDArray[np.uint8] = np.zeros(annotation.shape, np.uint8)
        self.uncertainty: NDArray[np.uint8] = np.zeros(annotation.shape, np.uint8)
        self.disagreements = Disagreements(annotation)

    def take(self, block: Block, folded: Mapping[int, int]) -> None:
        """Take over a piece of the prediction.

        Parameters
        ----------
        block : Block
        folded : dict
            Labels that count as another one; the block may be from before the worker knew.
        """
        inside, labels = block.box.slices, block.labels
        painted = self.annotation.read(block.box)["label"]
        self.disagreements.note(block.box, painted, labels)
        for label, into in folded.items():
            labels = np.where(labels == label, np.uint8(into), labels)
        self.prediction[inside] = np.where(painted, painted, labels)
        self.uncertainty[inside] = np.where(painted, 0, block.uncertainty)

    def follow(self, edit: Edit) -> None:
        """Show what an edit painted; where it erased, what is there stays until it is predicted."""
        labels = edit.after["label"]
        where = edit.where[labels > 0]
        self.prediction.reshape(-1)[where] = labels[labels > 0]
        self.uncertainty.reshape(-1)[where] = 0

    def fold(self, label: int, into: int) -> None:
        """Show a class as another one, 0: as nothing."""
        self.prediction[self.prediction == label] = into

    def forget(self) -> None:
        """Show nothing but what is painted."""
        self.prediction[:] = self.uncertainty[:] = 0
        self.annotation.draw(self.prediction)
        self.disagreements.forget()
