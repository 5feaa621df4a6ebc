"""Where each voxel's label comes from: the user's hand, the user's nod, or the network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import tiles
from napari_densify.cases.labels import LAST_LABEL
from napari_densify.cases.project import Label
from napari_densify.cases.weight import ACCEPTED as NO_ROUND

PAINTED, ACCEPTED, NETWORK, CORRECTED = 1, 2, 3, 4
"""What the numbers say; 0 is background by the network, and a correction of round r is 4 + r."""
LAST = LAST_LABEL
"""Later rounds share this number."""


def provenance(marks: NDArray[np.void], predicted: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Where labels come from.

    Parameters
    ----------
    marks : array of `MARK`
        Of the annotation.
    predicted : uint8 array of the same shape
        What is shown there.

    Returns
    -------
    uint8 array
        `PAINTED` by the user where the prediction was not wrong, or nothing was predicted yet;
        `ACCEPTED` by the user as predicted; `CORRECTED` + round where it was wrong; else
        `NETWORK` in structures and 0 in background.
    """
    corrected = np.minimum(marks["round"].astype(np.uint16) + CORRECTED, LAST)
    by_hand = np.where(marks["wrong"], corrected, PAINTED)
    by_user = np.where(marks["round"] == NO_ROUND, ACCEPTED, by_hand)
    by_network = np.where(predicted > 1, NETWORK, 0)
    whence: NDArray[np.uint8] = np.where(marks["label"] > 0, by_user, by_network).astype(np.uint8)
    return whence


def whole_provenance(
    annotation: Annotation, predicted: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], list[Label]]:
    """`provenance` of a whole volume, and what its numbers say, to be written to a file.

    Parameters
    ----------
    annotation : Annotation
    predicted : (z, y, x) uint8
        What is shown.
    """
    whence = np.empty(annotation.shape, np.uint8)
    for box in tiles(annotation.shape, (16, *annotation.shape[1:])):
        whence[box.slices] = provenance(annotation.read(box), predicted[box.slices])
    names = {PAINTED: "painted", ACCEPTED: "accepted", NETWORK: "network"}
    names |= corrections(annotation)
    return whence, [Label(label=number, name=name) for number, name in names.items()]


def corrections(annotation: Annotation) -> dict[int, str]:
    """What the numbers of corrections say that are there."""
    rounds = corrected_rounds(annotation)
    names = {CORRECTED + r: f"corrected in round {r}" for r in rounds if CORRECTED + r <= LAST}
    if rounds and CORRECTED + rounds[-1] > LAST:
        names[LAST] = f"corrected in round {LAST - CORRECTED} or later"
    return names


def corrected_rounds(annotation: Annotation) -> list[int]:
    """Rounds in which a prediction was corrected, and is as corrected still."""
    wrong = annotation.counts[1:, :, 1].sum(axis=0)
    return [int(r) for r in np.flatnonzero(wrong) if r != NO_ROUND]
