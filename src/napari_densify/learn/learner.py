"""Guess, network and data of one volume: what learns from the annotation and predicts blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_densify.cases.annotation import Annotation, Edit
from napari_densify.cases.box import Box
from napari_densify.cases.problem import Problem
from napari_densify.learn.device import pick_device
from napari_densify.learn.features import FeatureBank, normalise
from napari_densify.learn.first_guess import FirstGuess, Stage
from napari_densify.learn.inputs import Inputs
from napari_densify.learn.patches import Patches
from napari_densify.learn.prediction import guess_probability, network_probability
from napari_densify.learn.sampler import Sampler
from napari_densify.learn.supervision import Supervision
from napari_densify.learn.trainer import Trainer, part
from napari_densify.learn.unet import COMPACT, Level, fit_spacing

TRUST, RAMP = 0.6, 60
"""Share of the network in the prediction, the rest being the guess's, and steps until then. Dice
of three hippocampi .757, .768 and .766 with a quarter, half and three quarters."""
UNBIAS = 0.5
"""How much of the preference for rare classes is taken back in the prediction. Dice of three
hippocampi, by the network alone: .76, .78 and .75 without, half and all of it."""
BATCH = 2
"""Patches a step. Batch 1 falls onto a five times slower path of torch on a CPU."""
PATCH = 40**3
"""Voxels a patch."""


@dataclass(frozen=True)
class Progress:
    """Where training stands: steps so far and the loss smoothed over the last ones."""

    steps: int
    loss: float


class Learner:
    """A network that learns from a sparse annotation of one volume.

    Parameters
    ----------
    image : (c, z, y, x) array
        Any numeric type.
    spacing : (3,) floats
        Voxel size along z, y, x; decides kernels, pools and filter scales.
    classes : list of ints
        Labels to tell apart at least; further annotated ones widen the network's head.
    device : str
        "auto" takes CUDA or Apple's MPS where present; else a torch device name.
    strength : float
        Strength of corrections, see `cases.weight`.
    seed : int
    levels : sequence of Level
        The network's resolutions; adapted to the spacing.
    """

    def __init__(
        self,
        image: NDArray[np.generic],
        spacing: Sequence[float],
        classes: Sequence[int] = (1, 2),
        *,
        device: str = "auto",
        strength: float = 1.0,
        seed: int = 0,
        levels: Sequence[Level] = COMPACT,
    ) -> None:
        self.device = pick_device(device)
        self.spacing = tuple(spacing)
        self.strength = strength
        self.classes = sorted({1, *classes})
        self.seconds = 0.0
        torch.manual_seed(seed)
        self.bank = FeatureBank(normalise(image), spacing, self.device)
        count = len(self.classes)
        self.guess = FirstGuess(self.bank, count, seed, torch.get_num_threads())
        self.inputs = Inputs(self.bank, self.guess)
        levels = fit_spacing(levels, spacing)
        self.trainer = Trainer(self.inputs.channels, count, levels, self.device)
        self.annotation = Annotation(self.bank.shape)
        rng = np.random.default_rng(seed)
        self.sampler = Sampler(self.annotation, self.trainer.net.stride, PATCH, rng)
        self.supervision = Supervision(self.annotation, self.classes, strength)
        random = torch.Generator().manual_seed(seed)
        self.patches = Patches(self.sampler, self.inputs, self.supervision, self.spacing, random)

    @property
    def steps(self) -> int:
        """Training steps so far."""
        return self.trainer.steps

    @property
    def loss(self) -> float:
        """Loss smoothed over the last steps."""
        return self.trainer.loss

    @property
    def ready(self) -> bool:
        """Whether there are two classes to tell apart."""
        return len(self.annotation.classes) >= 2

    def apply(self, edit: Edit) -> None:
        """Learn from an edit from the next step on; the learning rate rises again."""
        self.annotation.apply(edit)
        self.sampler.notice(edit)
        self.trainer.edited()
        new = sorted(set(self.annotation.classes) - set(self.classes))
        if new:
            self._tell_apart([*self.classes, *new])
        self.supervision.weigh(self.strength)

    def guess_anew(self, interrupt: Callable[[], bool] | None = None) -> Stage:
        """Fit the first guess to the annotation as it is now, or go on with that.

        Parameters
        ----------
        interrupt : callable
            Asked after every few trees; True ends this call early, as does a new guess that can be
            shown. Without it the fit is brought to its end.
        """
        if not self.ready:
            raise ValueError("a guess needs two annotated classes")
        start = time.perf_counter()
        stage = self.guess.fit(self.supervision, interrupt or (lambda: False))
        while interrupt is None and stage != "done":
            stage = self.guess.fit(self.supervision)
        self.seconds += time.perf_counter() - start
        return stage

    def advance(self, seconds: float, interrupt: Callable[[], bool] = lambda: False) -> Progress:
        """Train for about `seconds`, at least one step.

        Parameters
        ----------
        seconds : float
        interrupt : callable
            Asked after each step; True ends the slice of training early.
        """
        if not self.ready:
            raise ValueError("training needs two annotated classes")
        if not self.guess.fitted:
            self.guess_anew()
        start = time.perf_counter()
        before = self.seconds
        while True:
            self.trainer.step(*self.patches.draw(BATCH))
            self.seconds = before + time.perf_counter() - start
            if self.seconds >= before + seconds or interrupt():
                return Progress(self.steps, self.loss)

    def predict(self, box: Box) -> NDArray[np.float32]:
        """Class probabilities: the averaged network's and the guess's, mixed.

        Parameters
        ----------
        box : Box
            Inside the volume, any size.

        Returns
        -------
        (classes, z, y, x) float32
            In the order of `classes`.
        """
        guess = guess_probability(self.inputs, box)
        trust = self.trust
        if not trust:
            return guess.numpy()
        stride = self.trainer.net.stride
        network = network_probability(self._unbiased_logits, self.inputs, box, stride)
        return torch.lerp(guess, network, trust).numpy()

    def _unbiased_logits(self, values: Tensor) -> Tensor:
        """The averaged network's logits without the preference that class balance brings in.

        Trained with weights b, probabilities are proportional to b·p (Elkan 2001, "The foundations
        of cost-sensitive learning"; Menon et al. 2021, arXiv 2007.07314).
        """
        bias = UNBIAS * np.log(self.supervision.balance)[:, None, None, None]
        return self.trainer.logits(values) - torch.from_numpy(bias).to(self.device)

    @property
    def trust(self) -> float:
        """Share of the network in the prediction; the rest is the guess's.

        It has none where its loss on annotation that the guess has not seen is twice the guess's.
        """
        loss = self.trainer.loss
        worse = 0.0 if np.isnan(loss) else max(loss / self.trainer.guess_loss - 1.0, 0.0)
        return TRUST * min(self.steps / RAMP, 1.0) * max(1.0 - worse, 0.0)

    def set_strength(self, strength: float) -> None:
        """Weigh corrections differently from the next step on."""
        self.strength = strength
        self.supervision.weigh(strength)

    def state(self) -> dict[str, Tensor]:
        """Guess, network and optimiser as flat, named tensors; see `load`."""
        return {
            **{f"guess.{k}": torch.from_numpy(v) for k, v in self.guess.state().items()},
            **self.trainer.state(),
            "seconds": torch.tensor(self.seconds),
            "classes": torch.tensor(self.classes),
            "balance": torch.from_numpy(self.supervision.balance),
        }

    def load(self, state: dict[str, Tensor]) -> None:
        """Go on from a state of a network of the same levels and channels.

        Raises
        ------
        Problem
            If the state is of another network.
        """
        try:
            classes = [int(k) for k in state["classes"]]
            if len(set(classes)) != len(classes) or not set(classes) <= set(range(1, 255)):
                raise RuntimeError(f"classes {classes}")
            known = self.classes
            self._tell_apart(classes)
            self.trainer.load(state)
            self.guess.load({k: v.numpy() for k, v in part(state, "guess.").items()})
            self.supervision.balance = state["balance"].numpy()
            self.seconds = float(state.get("seconds", 0.0))
        except (KeyError, RuntimeError, ValueError) as error:
            raise Problem(
                "The model belongs to another network; it needs an image with as many channels "
                "and about the same voxel proportions as the one it learned from."
            ) from error
        self._tell_apart([*classes, *(k for k in known if k not in classes)])

    def _tell_apart(self, classes: list[int]) -> None:
        """Give the network's outputs to these classes; what it learned of the first ones stays."""
        if len(classes) != len(self.classes):
            self.guess.set_classes(len(classes))
            self.trainer.tell_apart(len(classes), self.inputs.channels)
        self.classes = classes
        self.supervision.tell_apart(classes)
