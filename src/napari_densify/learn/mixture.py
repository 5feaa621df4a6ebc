"""What is shown: the first guess, corrected by one network after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_densify.cases.box import Box
from napari_densify.learn import pretrained
from napari_densify.learn.case import Case
from napari_densify.learn.prediction import guess_probability, network_probabilities
from napari_densify.learn.trainer import Trainer

TRUST, RAMP = 0.5, 60
"""Share of the trained network in what is shown, the rest being the guess's, and steps until then.
Dice of six hippocampi of three slices after 60, 120, 240 and 360 steps .781 .792 .801 .793, with
0.6 .779 .790 .796 .786, with 0.4 .783 .792 .803 .798; of two of them from nine slices .896 after
360, with 0.6 .896, with 0.4 .895. See docs/method.md."""
UNBIAS = 0.5
"""How much of the preference for rare classes is taken back in the prediction. Dice of three
hippocampi, by the network alone: .76, .78 and .75 without, half and all of it."""


class Mixture:
    """Mixes the probabilities of the guess and of those who correct it.

    Parameters
    ----------
    trainer : Trainer
        Of the project's own network.

    Attributes
    ----------
    known : dict of tensors
        What was learned beforehand and makes the guess better, see `learn.pretrained`. Empty where
        it does not go with the network, or the model was saved without.
    refiner : Refiner or None
        Made of it.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self.know(pretrained.weights() if pretrained.serves(trainer.net) else {})

    def know(self, known: Mapping[str, Tensor]) -> None:
        """Make the guess better with what was learned beforehand, for the network's classes.

        Raises
        ------
        KeyError, RuntimeError, ValueError
            If that is of another network.
        """
        self.known = dict(known)
        self.refiner = pretrained.Refiner(known, self._trainer.net) if known else None

    def probability(self, case: Case, box: Box, alone: float = 1.0) -> Tensor:
        """(classes, z, y, x) probabilities of a box of the network's voxels.

        Parameters
        ----------
        case : Case
        box : Box
        alone : float
            See `trust`.
        """
        shown = guess_probability(case.inputs, box)
        shares: dict[Callable[[Tensor], Tensor], float] = {}
        if self.refiner is not None:
            shares[self.refiner.logits] = pretrained.REFINED
        if trust := self.trust(alone):
            bias = torch.from_numpy(preference(case)).to(self._trainer.device)
            shares[lambda values: self._trainer.logits(values) - bias] = trust
        if shares:
            stride, spacing = self._trainer.net.stride, case.grid.spacing
            answers = network_probabilities(list(shares), case.inputs, box, stride, spacing)
            for answer, share in zip(answers, shares.values(), strict=True):
                shown = torch.lerp(shown, answer, share)
        return shown

    def trust(self, alone: float = 1.0) -> float:
        """Share of the trained network in what is shown; the rest is the guess's.

        The guess has the less of it the less is painted in this case compared with others: of an
        unpainted one it knows only what is alike in all. The network has none where its loss on
        annotation that the guess has not seen is twice the guess's.

        Parameters
        ----------
        alone : float
            1 for a case that is painted at least as much as the others, 0 for one that is not.
        """
        loss = self._trainer.loss
        worse = 0.0 if np.isnan(loss) else max(loss / self._trainer.guess_loss - 1.0, 0.0)
        most = 1.0 - (1.0 - TRUST) * alone
        return most * min(self._trainer.steps / RAMP, 1.0) * max(1.0 - worse, 0.0)


def preference(case: Case) -> NDArray[np.float64]:
    """(classes, 1, 1, 1) what class balance adds to a network's logits and is taken back.

    Trained with weights b, probabilities are proportional to b·p (Elkan 2001, "The foundations of
    cost-sensitive learning"; Menon et al. 2021, arXiv 2007.07314).
    """
    bias: NDArray[np.float64] = UNBIAS * np.log(case.supervision.balance)[:, None, None, None]
    return bias
