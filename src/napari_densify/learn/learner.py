"""Network, optimiser, averaged weights, sampler and data: what learns, step by step."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from napari_densify.cases.annotation import Annotation, Edit
from napari_densify.cases.box import Box
from napari_densify.cases.problem import Problem
from napari_densify.learn.device import pick_device
from napari_densify.learn.features import FeatureBank, normalise
from napari_densify.learn.first_guess import FirstGuess
from napari_densify.learn.inputs import Inputs
from napari_densify.learn.loss import masked_dice, weighted_cross_entropy
from napari_densify.learn.patches import Patches
from napari_densify.learn.prediction import guess_probability, network_probability
from napari_densify.learn.sampler import Sampler
from napari_densify.learn.supervision import Supervision
from napari_densify.learn.unet import COMPACT, Level, UNet3D, fit_spacing

RATE = 1e-3
"""Highest learning rate of AdamW. The network begins with the guess as it is; at 5e-3 it is worse
than the guess for the first hundred steps (Dice .03 after 17 of them), at 1e-3 hardly ever."""
WEIGHT_DECAY = 1e-2
WARM_UP = 10
"""Steps from 0 to the highest rate."""
SETTLE = 150
"""Steps after an edit at which the rate has fallen to half."""
AVERAGE = 0.98
"""Decay of the averaged weights once there are many steps."""
DICE_FROM = 50
"""Step at which the Dice loss sets in: before, there is nothing for it to sharpen."""
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


Tensors = tuple[Tensor, ...] | list[Tensor]


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
        self.steps = 0
        self.seconds = 0.0
        self.loss = self._guess_loss = float("nan")
        torch.manual_seed(seed)
        self.bank = FeatureBank(normalise(image), spacing, self.device)
        count = len(self.classes)
        self.guess = FirstGuess(self.bank, count, seed, torch.get_num_threads())
        self.inputs = Inputs(self.bank, self.guess)
        net = UNet3D(self.inputs.channels, count, fit_spacing(levels, spacing))
        # It begins with the guess as it is.
        torch.nn.init.zeros_(net.head.weight)
        torch.nn.init.zeros_(net.head.bias)  # type: ignore[arg-type]
        self.net = net.to(self.device)
        self.net.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self.averaged = AveragedModel(self.net, multi_avg_fn=_moving_average, use_buffers=True)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), RATE, weight_decay=WEIGHT_DECAY)
        self.annotation = Annotation(self.bank.shape)
        rng = np.random.default_rng(seed)
        self.sampler = Sampler(self.annotation, self.net.stride, PATCH, rng)
        self.supervision = Supervision(self.annotation, self.classes, strength)
        random = torch.Generator().manual_seed(seed)
        self.patches = Patches(self.sampler, self.inputs, self.supervision, self.spacing, random)
        self._last_edit = 0
        self._folded_at = -1

    @property
    def ready(self) -> bool:
        """Whether there are two classes to tell apart."""
        return len(self.annotation.classes) >= 2

    def apply(self, edit: Edit) -> None:
        """Learn from an edit from the next step on; the learning rate rises again."""
        self.annotation.apply(edit)
        self.sampler.notice(edit)
        self._last_edit = self.steps
        new = sorted(set(self.annotation.classes) - set(self.classes))
        if new:
            self._tell_apart([*self.classes, *new])
        self.supervision.weigh(self.strength)

    def guess_anew(self) -> None:
        """Fit the first guess to the annotation as it is now."""
        if not self.ready:
            raise ValueError("a guess needs two annotated classes")
        start = time.perf_counter()
        self.guess.fit(self.supervision)
        self.seconds += time.perf_counter() - start

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
            self._step()
            self.seconds = before + time.perf_counter() - start
            if self.seconds >= before + seconds or interrupt():
                return Progress(self.steps, self.loss)

    def _step(self) -> None:
        values, target, weight = self.patches.draw(BATCH)
        target, weight = target.to(self.device), weight.to(self.device)
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate()
        self.net.train()
        logits = self._logits(self.net, values)
        loss = entropy = weighted_cross_entropy(logits, target, weight)
        if self.steps >= DICE_FROM:
            loss = loss + masked_dice(logits, target, weight)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self.averaged.update_parameters(self.net)
        by_guess = weighted_cross_entropy(self._guess_in(values), target, weight)
        self.loss = _smoothed(self.loss, entropy)
        self._guess_loss = _smoothed(self._guess_loss, by_guess)
        self.steps += 1

    def _logits(self, net: torch.nn.Module, values: Tensor) -> Tensor:
        """What a network makes of its input: the guess, which is part of it, and a correction."""
        values = values.to(self.device).contiguous(memory_format=torch.channels_last_3d)
        with self._precision():
            correction: Tensor = net(values)
        return correction.float() + self._guess_in(values)

    def _guess_in(self, values: Tensor) -> Tensor:
        return values[:, self.bank.channels :].to(self.device)

    def _precision(self) -> AbstractContextManager[object]:
        """Half precision where it pays: bfloat16 is slower than float32 on most CPUs."""
        return (
            torch.autocast("cuda", torch.bfloat16) if self.device.type == "cuda" else nullcontext()
        )

    def _rate(self) -> float:
        since = self.steps - self._last_edit
        return RATE * min(1.0, (self.steps + 1) / WARM_UP) / (1 + since / SETTLE)

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
        network = network_probability(self._unbiased_logits, self.inputs, box, self.net.stride)
        return torch.lerp(guess, network, trust).numpy()

    def _unbiased_logits(self, values: Tensor) -> Tensor:
        """The averaged network's logits without the preference that class balance brings in.

        Trained with weights b, probabilities are proportional to b·p (Elkan 2001, "The foundations
        of cost-sensitive learning"; Menon et al. 2021, arXiv 2007.07314).
        """
        bias = UNBIAS * np.log(self.supervision.balance)[:, None, None, None]
        return self._logits(self._folded(), values) - torch.from_numpy(bias).to(self.device)

    def _folded(self) -> UNet3D:
        """The averaged network for inference, made once for each step that asks for it."""
        if self._folded_at != self.steps:
            averaged = self.averaged.module
            assert isinstance(averaged, UNet3D)
            self._inference = averaged.folded()
            self._folded_at = self.steps
        return self._inference

    @property
    def trust(self) -> float:
        """Share of the network in the prediction; the rest is the guess's.

        It has none where its loss on annotation that the guess has not seen is twice the guess's:
        both are taken before a step learns from it.
        """
        worse = 0.0 if np.isnan(self.loss) else max(self.loss / self._guess_loss - 1.0, 0.0)
        return TRUST * min(self.steps / RAMP, 1.0) * max(1.0 - worse, 0.0)

    def set_strength(self, strength: float) -> None:
        """Weigh corrections differently from the next step on."""
        self.strength = strength
        self.supervision.weigh(strength)

    def state(self) -> dict[str, Tensor]:
        """Weights, averaged weights and optimiser as flat, named tensors; see `load`."""
        optimiser = self.optimiser.state_dict()["state"]
        forest = self.guess.state()
        return {
            **{f"guess.{k}": torch.from_numpy(v) for k, v in forest.items()},
            **{f"net.{k}": v for k, v in self.net.state_dict().items()},
            **{f"averaged.{k}": v for k, v in self.averaged.state_dict().items()},
            **{f"optimiser.{i}.{k}": v for i, s in optimiser.items() for k, v in s.items()},
            "steps": torch.tensor(self.steps),
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
            self.net.load_state_dict(_part(state, "net."))
            self.averaged.load_state_dict(_part(state, "averaged."))
            self._folded_at = -1
            self._load_optimiser(_part(state, "optimiser."))
            self.guess.load({k: v.numpy() for k, v in _part(state, "guess.").items()})
            self.supervision.balance = state["balance"].numpy()
            self.steps = int(state["steps"])
            self.seconds = float(state.get("seconds", 0.0))
        except (KeyError, RuntimeError, ValueError) as error:
            raise Problem(
                "The model belongs to another network; it needs an image with as many channels "
                "and about the same voxel proportions as the one it learned from."
            ) from error
        self._last_edit = self.steps
        self._tell_apart([*classes, *(k for k in known if k not in classes)])

    def _load_optimiser(self, state: dict[str, Tensor]) -> None:
        slots: dict[int, dict[str, Tensor]] = {}
        for name, value in state.items():
            index, key = name.split(".")
            slots.setdefault(int(index), {})[key] = value
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": slots, "param_groups": groups})

    def _tell_apart(self, classes: list[int]) -> None:
        """Give the network's outputs to these classes; what it learned of the first ones stays."""
        self._folded_at = -1
        if len(classes) != len(self.classes):
            kept = {id(p): self.optimiser.state.get(p) for p in self.net.parameters()}
            self.guess.set_classes(len(classes))
            for net in (self.net, self.averaged.module):
                net.set_classes(len(classes))  # type: ignore[operator]
                net.set_inputs(self.inputs.channels)  # type: ignore[operator]
            self.optimiser = torch.optim.AdamW(
                self.net.parameters(), RATE, weight_decay=WEIGHT_DECAY
            )
            for p in self.net.parameters():
                if kept.get(id(p)):
                    self.optimiser.state[p] = kept[id(p)]
        self.classes = classes
        self.supervision.tell_apart(classes)


@torch.no_grad()
def _moving_average(averaged: Tensors, current: Tensors, count: Tensor | int) -> None:
    """Exponential moving average that forgets its first steps quickly."""
    decay = min(AVERAGE, (1 + int(count)) / (10 + int(count)))
    for mean, value in zip(averaged, current, strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


def _smoothed(before: float, value: Tensor) -> float:
    now = float(value.detach())
    return now if np.isnan(before) else 0.95 * before + 0.05 * now


def _part(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
