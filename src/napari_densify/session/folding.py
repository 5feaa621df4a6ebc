"""Classes that are gone: what was learned and painted of them counts as what they became."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.edit import Edit


def fold(
    probability: NDArray[np.float32], classes: Sequence[int], folded: Mapping[int, int]
) -> NDArray[np.float32]:
    """Class probabilities without the classes that are not told apart any more.

    Parameters
    ----------
    probability : (classes, z, y, x) float32
        Changed in place.
    classes : ints
        Labels in the order of the probabilities.
    folded : dict
        Label → the label that it counts as; 0: none, then the others share what it had.
    """
    index = {label: i for i, label in enumerate(classes)}
    gone = [label for label in folded if label in index]
    for label in gone:
        into = index.get(folded[label])
        if into is not None:
            probability[into] += probability[index[label]]
        probability[index[label]] = 0
    if gone:
        probability /= np.maximum(probability.sum(axis=0), np.finfo(np.float32).tiny)
    return probability


def renamed(became: Mapping[int, int]) -> NDArray[np.uint8]:
    """(256,) what each label is now, see `Project.became`."""
    label_of = np.arange(256, dtype=np.uint8)
    for label, now in became.items():
        label_of[label] = now
    return label_of


def as_now(labels: NDArray[np.uint8], folded: Mapping[int, int]) -> NDArray[np.uint8]:
    """Labels in the classes that there are, folded one after the other; 0: none of them."""
    for label, into in folded.items():
        labels = np.where(labels == label, np.uint8(into), labels)
    return labels


def present(painted: Edit, folded: Mapping[int, int]) -> Edit:
    """What is painted, in the classes that there are: others were merged or deleted meanwhile."""
    after = painted.after.copy()
    after["label"] = as_now(after["label"], folded)
    kept = after["label"] > 0
    return replace(
        painted, where=painted.where[kept], before=painted.before[kept], after=after[kept]
    )
