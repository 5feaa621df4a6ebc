"""What is shown: the first guess, corrected by one network after the other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_densify.cases.box import Box
from napari_densify.learn import pretrained
from napari_densify.learn.case import Case
from napari_densify.learn.judgement import Judgement
from napari_densify.learn.patches import Batch
from napari_densify.learn.prediction import Network, guess_probability, network_probabilities
from napari_densify.learn.pretrained import Refiner
from napari_densify.learn.trainer import Expected, Trainer

TRUST, RAMP = 0.5, 100
"""Share of the trained network in what is shown, the rest being the guess's, and steps until then.
Dice of six hippocampi of three slices after 60, 120, 240 and 360 steps .781 .792 .801 .793, with
0.6 .779 .790 .796 .786, with 0.4 .783 .792 .803 .798; of two of them from nine slices .896 after
360, with 0.6 .896, with 0.4 .895. After 60 steps, with the guess as good as it is now, .798, with
0.3 .801; hippocampus_008 falls from .818 to .776 before it rises again if half is reached then. See
docs/measured/mixture.md."""
UNBIAS = 0.5
"""How much of the preference for rare classes is taken back in the prediction. Dice of three
hippocampi, by the network alone: .76, .78 and .75 without, half and all of it."""
HELD = 0.3
"""How strongly the network is held, where nothing is annotated, to what was expected there before
it learned. Of few slices it learns the slices' own otherwise. Dice of three hippocampi of three
slices after 60, 120, 240 and 360 steps .782 .788 .791 .789, with it .783 .794 .806 .809."""
SLICES = 3
"""Slices up to which it is held that strongly; of more it knows better than what was expected.
Dice of two hippocampi of nine slices after 120 and 360 steps .889 and .895 without, .884 and .889
if held as strongly as with three; of six with three slices and three other cases of three each,
after 240 steps, .847 and .852 (two seeds), .843 and .846 if only their own slices count."""
JUDGED = 4
"""Steps between two in which what was learned beforehand is compared with the guess: it has to be
asked for that, which takes a third of the time of a step."""
WEAK = 0.01
"""Held less strongly than that, the network is not held at all: what is expected would have to be
asked for at each step."""


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
    judgement : Judgement
        How far that is believed.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self.judgement = Judgement()
        self.know(pretrained.weights() if pretrained.serves(trainer.net) else {})

    def know(self, known: Mapping[str, Tensor]) -> None:
        """Make the guess better with what was learned beforehand, for the network's classes.

        Raises
        ------
        KeyError, RuntimeError, ValueError
            If that is of another network.
        """
        self.known = dict(known)
        self.refiner = Refiner(known, self._trainer.net) if known else None

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
        trust, believed = self.trust(alone), self.judgement.faith if self.refiner else 0.0
        networks: dict[str, Network] = {}
        if trust:
            bias = torch.from_numpy(preference(case)).to(self._trainer.device)
            networks["own"] = lambda values: self._trainer.logits(values) - bias
        if self.refiner and believed:
            case.refined.follow(self.refiner)
            if not case.refined.current(box):
                networks["refiner"] = self.refiner.logits
        stride, spacing = self._trainer.net.stride, case.grid.spacing
        answers = network_probabilities(networks, case.inputs, box, stride, spacing)
        if "refiner" in answers:
            better = torch.lerp(shown, answers["refiner"], pretrained.REFINED)
            case.refined.write(box, better)
        if believed:
            shown = torch.lerp(shown, case.refined.read(box), believed)
        return torch.lerp(shown, answers["own"], trust) if trust else shown

    def expected(self, case: Case, batch: Batch) -> Expected | None:
        """What is expected of a batch; None if nothing was learned beforehand.

        By who knows all of the annotation where that was asked before, and else, at the price of
        a third of a step, by who has seen no more of it than the guess in the batch.

        Parameters
        ----------
        case : Case
        batch : Batch
        """
        if self.refiner is None:
            return None
        held, where = self.held, batch.where.ravel()
        judged = self._trainer.steps % JUDGED == 0
        if held < WEAK and not judged:
            return None
        case.refined.follow(self.refiner)
        known = case.refined.knows(where)
        if judged or not known:
            shown = self._unseen(case, batch, self.refiner)
        if known:
            there = torch.from_numpy(case.refined.at(where)).float()
            shown = there.view(*batch.where.shape, -1).movedim(-1, 1)
        return Expected(self._balanced(case, shown), held)

    def judge(self, case: Case, batch: Batch) -> None:
        """Compare what was learned beforehand with the guess, on the annotation of a batch."""
        if self.refiner is not None:
            self._unseen(case, batch, self.refiner)

    @torch.no_grad()
    def _unseen(self, case: Case, batch: Batch, refiner: Refiner) -> Tensor:
        """What is expected by who has seen no more of the annotation than the batch's guess."""
        values = torch.cat([batch.values, batch.told], dim=1).to(self._trainer.device)
        guess = values[:, case.inputs.bank.channels : case.inputs.channels].softmax(1)
        shown = torch.lerp(guess, refiner.logits(values).softmax(1), pretrained.REFINED)
        self.judgement.follow(batch, shown, guess)
        return shown

    def _balanced(self, case: Case, probability: Tensor) -> Tensor:
        """Probabilities multiplied by the class balance, as the network's are by its loss."""
        device = self._trainer.device
        balance = torch.from_numpy(case.supervision.balance).to(device)
        shown = probability.to(device) * balance[:, None, None, None]
        answer: Tensor = shown / shown.sum(1, keepdim=True)
        return answer

    @property
    def held(self) -> float:
        """How strongly the network is held to what was expected, see `HELD`.

        It falls with the square of the number of slices, those of all cases.
        """
        return HELD * self.judgement.faith * (SLICES / max(self._trainer.slices, SLICES)) ** 2

    @property
    def refined(self) -> float:
        """Share of what was learned beforehand in the guess that is shown."""
        return pretrained.REFINED * self.judgement.faith

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
        worse = _excess(self._trainer.loss, self._trainer.guess_loss)
        most = 1.0 - (1.0 - TRUST) * alone
        return most * min(self._trainer.steps / RAMP, 1.0) * max(1.0 - worse, 0.0)


def _excess(loss: float, guess_loss: float) -> float:
    """By which share a loss is higher than the guess's; 0 while nothing is known of it."""
    return 0.0 if np.isnan(loss) else max(loss / guess_loss - 1.0, 0.0)


def preference(case: Case) -> NDArray[np.float32]:
    """(classes, 1, 1, 1) what class balance adds to a network's logits and is taken back.

    Trained with weights b, probabilities are proportional to b·p (Elkan 2001, "The foundations of
    cost-sensitive learning"; Menon et al. 2021, arXiv 2007.07314).
    """
    bias = np.float32(UNBIAS) * np.log(case.supervision.balance)[:, None, None, None]
    return np.asarray(bias, np.float32)
