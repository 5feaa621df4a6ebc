"""How far to believe what was learned beforehand: by its answers to what it has not seen."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from napari_densify.learn.patches import Batch

FIRST = 8
"""Batches that are looked at before anything is learned, 0.05 s each."""
RECENT = 20
"""Batches that count, about."""
RARE = 0.01
"""Cross-entropy, or share of mistakes, below which it is not worth while to tell who is better."""
DOUBT = 8.0
"""How quickly it loses its say where it is worse than the guess: all of it at an eighth. After 30
batches of three slices its cross-entropy and mistakes are 1.00 and 1.20 times the guess's on the
brain, whose Dice is .973, .972 and .963 with 0, 0.3 and 0.6 of it, and 1.04 and 1.10 times on fib25
(.761, .770 and .761); on nuclei .89 and .91, on six hippocampi .75 to .87 and .84 to 1.05, where it
is worth .02 to .10. Neither of the two tells by itself. See docs/measured/mixture.md."""


class Judgement:
    """Compares what was learned beforehand with the guess, on annotation that neither has seen.

    Attributes
    ----------
    batches : int
        How many have been looked at.
    answer, guess : (2,) float64
        Cross-entropy, and share of the annotated voxels that are labelled wrongly, over the last
        batches.
    """

    def __init__(self) -> None:
        self.batches = 0
        self.answer, self.guess = np.zeros(2), np.zeros(2)

    @property
    def due(self) -> bool:
        """Whether too little has been looked at to say anything."""
        return self.batches < FIRST

    @torch.no_grad()
    def follow(self, batch: Batch, answer: Tensor, guess: Tensor) -> None:
        """Look at another batch.

        Parameters
        ----------
        batch : Batch
        answer, guess : (n, classes, z, y, x)
            Probabilities, by who has seen as little as the guess in the batch. Where that has seen
            what is asked, nothing is compared.
        """
        asked = (batch.weight > 0) & batch.unseen[:, None, None, None]
        if not asked.any():
            return
        self.batches += 1
        share = max(1 / self.batches, 1 / RECENT)
        target = batch.target[asked]
        for scores, each in ((self.answer, answer), (self.guess, guess)):
            probability = each.movedim(1, -1).cpu()[asked]
            likely = probability.gather(1, target[:, None]).clamp_min(1e-6)
            wrong = probability.argmax(1) != target
            now = [float(-likely.log().mean()), float(wrong.float().mean())]
            scores += share * (np.array(now) - scores)

    @property
    def faith(self) -> float:
        """1 where it is no worse than the guess, down to 0."""
        worse = np.mean(np.maximum(self.answer, RARE) / np.maximum(self.guess, RARE)) - 1
        return 1.0 - min(max(DOUBT * float(worse), 0.0), 1.0)

    def state(self) -> Tensor:
        """(5,) what is known, see `load`."""
        return torch.tensor([self.batches, *self.answer, *self.guess])

    def load(self, state: Tensor) -> None:
        """Go on from a state."""
        batches, *scores = state.tolist()
        self.batches = int(batches)
        self.answer, self.guess = np.array(scores).reshape(2, 2)
