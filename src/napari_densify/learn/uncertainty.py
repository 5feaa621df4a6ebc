"""How sure a prediction is of each voxel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SURE = 1e-7
"""Probabilities below this count as this: their part in the entropy is nil."""


def uncertainty(probability: NDArray[np.float32]) -> NDArray[np.uint8]:
    r"""Entropy of the class probabilities, as a share of the most there can be.

    .. math:: u = -\frac{1}{\log K} \sum_k p_k \log p_k

    Parameters
    ----------
    probability : (classes, z, y, x) float32
        Sums to 1 along the first axis.

    Returns
    -------
    (z, y, x) uint8
        0 where one class is certain, 255 where all K are equally probable.
    """
    if len(probability) < 2:
        return np.zeros(probability.shape[1:], np.uint8)
    p = np.maximum(probability, SURE)
    entropy = -np.einsum("k...,k...->...", p, np.log(p)) / np.log(len(p))
    share: NDArray[np.uint8] = np.rint(255 * np.clip(entropy, 0, 1)).astype(np.uint8)
    return share
