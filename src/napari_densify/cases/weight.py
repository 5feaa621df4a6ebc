r"""The weight w of each voxel's loss: a pure function of what the user did there.

.. math::

    w = b_k \cdot \min\bigl(8,\; (4 \cdot 2^{[\text{wrong}]})^{\,s \cdot 2^{-a/2}}\bigr)
    \quad\text{for an edit of round} \ge 1, \qquad
    w = b_k \quad\text{in round 0 and where accepted}, \qquad
    w = 0 \quad\text{where nothing is annotated.}

``a`` is the edit's age in rounds, ``wrong`` whether the prediction shown at the time
contradicted the user, ``s`` the strength of corrections (0 = off, 1 = default). The class
balance is :math:`b_k = \operatorname{clip}\bigl((\sum w / (K n_k))^{1/2}, 1/4, 4\bigr)` with
:math:`n_k` the summed weight of class k before balancing and K the number of classes.

Weighted sparse annotation is Çiçek et al. 2016 (arXiv 1606.06650); there w follows the class
frequencies only, here it follows the user's edits too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FRESH = 4.0
"""Weight of an edit made after a prediction was shown, in its own round."""
WRONG = 2.0
"""Further factor where the shown prediction contradicted the user."""
HALF_LIFE = 2.0
"""Rounds after which the logarithm of a correction's weight has halved."""
CEILING = 8.0
"""Highest weight before class balance."""
BALANCE = (0.25, 4.0)
"""Limits of the class balance."""

ROUNDS = 256
"""Rounds that are told apart, the last of them being none: see `ACCEPTED`."""
ACCEPTED = ROUNDS - 1
"""Stands for the round of what was accepted as predicted: it was corrected in none."""
LAST_ROUND = ROUNDS - 2
"""Later rounds count as this one."""
CODES = 256 * ROUNDS * 2
"""How many different (label, round, wrong) marks there are."""


def edit_weight(
    round_: NDArray[np.integer] | int,
    wrong: NDArray[np.bool_] | bool,
    now: int,
    strength: float = 1.0,
) -> NDArray[np.float64]:
    """Weight of annotated voxels before class balance, in [1, 8].

    Parameters
    ----------
    round_, wrong : arrays that broadcast
        When each voxel was annotated (`ACCEPTED` where it was accepted), and whether the shown
        prediction was wrong there.
    now : int
        The present round.
    strength : float
        0 treats corrections like first annotations, 1 is the default.
    """
    age = np.maximum(now - np.asarray(round_, float), 0)
    fade = strength * 2.0 ** (-age / HALF_LIFE)
    fresh = (FRESH * np.where(wrong, WRONG, 1.0)) ** fade
    corrected = (np.asarray(round_) > 0) & (np.asarray(round_) != ACCEPTED)
    return np.where(corrected, np.minimum(fresh, CEILING), 1.0)


def class_balance(mass: NDArray[np.float64]) -> NDArray[np.float64]:
    """Factor of each class from its summed weight; 0 for classes without annotation."""
    present = mass > 0
    if not present.any():
        return np.zeros_like(mass)
    share = mass.sum() / (present.sum() * np.where(present, mass, 1.0))
    return np.where(present, np.clip(np.sqrt(share), *BALANCE), 0.0)


def weight_table(counts: NDArray[np.int64], now: int, strength: float = 1.0) -> NDArray[np.float32]:
    """Weight w of every possible mark.

    Parameters
    ----------
    counts : (256, 256, 2) ints
        How many voxels carry each label, round and wrong flag.
    now, strength
        See `edit_weight`.

    Returns
    -------
    (256, 256, 2) float32
        w by label, round and wrong flag; row 0 (not annotated) is 0.
    """
    rounds = np.arange(ROUNDS)[:, None]
    by_edit = edit_weight(rounds, np.array([False, True]), now, strength)
    mass = (counts * by_edit).sum(axis=(1, 2))
    mass[0] = 0.0
    table = class_balance(mass)[:, None, None] * by_edit
    return table.astype(np.float32)
