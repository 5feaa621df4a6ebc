"""The network in training: its weights, their average and the optimiser, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from napari_densify.learn.device import half_precision
from napari_densify.learn.loss import masked_dice, weighted_cross_entropy
from napari_densify.learn.patches import Batch
from napari_densify.learn.unet import Level, UNet3D

RATE = 1e-3
"""Highest learning rate of AdamW. The network begins with the guess as it is; at 5e-3 it is worse
than the guess for the first hundred steps (Dice .03 after 17 of them), at 1e-3 hardly ever."""
WEIGHT_DECAY = 1e-2
WARM_UP = 10
"""Steps from 0 to the highest rate."""
SETTLE, FEWEST = 20, 3
"""Steps after an edit, for each painted slice, at which the rate has fallen to half, and slices to
count at least. It falls with the square of the steps and so comes to rest: of few slices there is
less to learn before they are known by heart. Dice of four hippocampi of three slices after 120,
240, 480 and 720 steps .817 .820 .822 .822 with 50 steps, .819 .822 .818 .817 with 100, and .819
.821 .812 .810 with 150 and not squared. See
docs/measured/network.md."""
RESTS = 10
"""So many times as many steps, and no more are taken until the next edit. The rate is a hundredth
then, and all further steps together would go as far as a fifteenth of those taken since the edit.
600 steps with three slices; nothing was gained after 480, see above."""
AVERAGE, OVER = 0.99, 3
"""Decay of the averaged weights once there are many steps; before, the last third of them counts.
Dice of six hippocampi of three slices after 60, 120, 240 and 360 steps .782 .791 .802 .798, with
0.98 and the last ninth .781 .792 .801 .793."""
DICE_FROM = 50
"""Step at which the Dice loss sets in: before, there is nothing for it to sharpen."""

Tensors = tuple[Tensor, ...] | list[Tensor]


@dataclass(frozen=True, eq=False)
class Expected:
    """What was expected of a batch before anything was learned here.

    Attributes
    ----------
    probability : (n, classes, z, y, x)
        What the network is held to everywhere, annotated or not: "soft targets" (Hinton et al.
        2015, arXiv 1503.02531).
    held : float
        How strongly, compared with the annotation.
    """

    probability: Tensor
    held: float


class Trainer:
    """Trains a network to correct the guess that is part of its input.

    Parameters
    ----------
    inputs : int
        Input channels; the last ones are the guess's logits, one of each class.
    classes : int
    levels : sequence of Level
    device : torch.device

    Attributes
    ----------
    steps : int
    slices : int
        How many are painted, in all that it learns from.
    loss, guess_loss : floats
        Cross-entropy of the network and of the guess, smoothed over the last steps; both are taken
        before a step learns from it.
    """

    def __init__(
        self, inputs: int, classes: int, levels: Sequence[Level], device: torch.device
    ) -> None:
        self.device = device
        net = UNet3D(inputs, classes, levels)
        # It begins with the guess as it is.
        torch.nn.init.zeros_(net.head.weight)
        torch.nn.init.zeros_(net.head.bias)  # type: ignore[arg-type]
        self.net = net.to(device)
        self.net.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self.averaged = AveragedModel(self.net, multi_avg_fn=_moving_average, use_buffers=True)
        self.optimiser = self._new_optimiser()
        self.steps, self.slices = 0, FEWEST
        self.loss = self.guess_loss = float("nan")
        self._last_edit = 0
        self._folded_at = -1

    @property
    def classes(self) -> int:
        """How many classes it tells apart."""
        return self.net.head.out_features

    def edited(self) -> None:
        """There is something new to learn: the rate rises again."""
        self._last_edit = self.steps

    def step(self, batch: Batch, expected: Expected | None = None) -> None:
        """One step on a batch.

        The network's loss and the guess's are compared on patches whose guess has not seen what is
        asked: where a prediction was corrected it has, and would always seem the better one.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate()
        self.net.train()
        values = batch.values.to(self.device, memory_format=torch.channels_last_3d)
        with half_precision(self.device, training=True):
            logits = self.net(values).float() + self._guess_in(values)
        # A few voxels in a hundred are annotated; they are sought once.
        where = batch.weight.flatten().nonzero().squeeze(1).to(self.device)
        target, weight = (_at(where, each.to(self.device)) for each in (batch.target, batch.weight))
        answer = _at(where, logits)
        loss = weighted_cross_entropy(answer, target, weight)
        if self.steps >= DICE_FROM:
            loss = loss + masked_dice(answer, target, weight)
        if expected is not None:
            soft = torch.nn.functional.cross_entropy(logits, expected.probability)
            loss = loss + expected.held * soft
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0, foreach=True)
        self.optimiser.step()
        self.averaged.update_parameters(self.net)
        weight = weight * batch.unseen.to(weight)[where // batch.weight[0].numel()]
        if weight.any():
            guess = _at(where, self._guess_in(values))
            by_guess, by_network = (
                weighted_cross_entropy(each.detach(), target, weight) for each in (guess, answer)
            )
            self.loss = _smoothed(self.loss, by_network)
            self.guess_loss = _smoothed(self.guess_loss, by_guess)
        self.steps += 1

    def logits(self, values: Tensor) -> Tensor:
        """(n, classes, z, y, x) logits by the averaged weights.

        Parameters
        ----------
        values : (n, inputs + classes, z, y, x)
            See `Inputs.read`; what is annotated is not looked at.
        """
        with half_precision(self.device):
            correction: Tensor = self.folded()(values)
        return correction.float() + self._guess_in(values)

    def _guess_in(self, values: Tensor) -> Tensor:
        """The guess's logits, which are part of the input and corrected by the network."""
        return values[:, self.net.in_channels - self.classes : self.net.in_channels].float()

    @property
    def learned(self) -> bool:
        """Whether more steps would change next to nothing before there is another edit."""
        return self._since_edit >= RESTS

    @property
    def _since_edit(self) -> float:
        """Steps since the last edit, compared with those after which the rate is half."""
        return (self.steps - self._last_edit) / (SETTLE * max(self.slices, FEWEST))

    def _rate(self) -> float:
        return RATE * min(1.0, (self.steps + 1) / WARM_UP) / (1 + self._since_edit**2)

    def folded(self) -> UNet3D:
        """The averaged network for inference, made once for each step that asks for it.

        It takes what is annotated behind its inputs, so that it can be asked with the same values
        as what was learned beforehand, but has no weights for that.
        """
        if self._folded_at != self.steps:
            averaged = self.averaged.module
            assert isinstance(averaged, UNet3D)
            self._inference = averaged.folded()
            self._inference.set_inputs(self.net.in_channels + self.classes)
            self._inference.requires_grad_(False)
            self._folded_at = self.steps
        return self._inference

    def tell_apart(self, classes: int, inputs: int) -> None:
        """Tell that many classes apart; what was learned of the first ones stays."""
        self._folded_at = -1
        kept = {id(p): self.optimiser.state.get(p) for p in self.net.parameters()}
        for net in (self.net, self.averaged.module):
            net.set_classes(classes)  # type: ignore[operator]
            net.set_inputs(inputs)  # type: ignore[operator]
        self.optimiser = self._new_optimiser()
        for p in self.net.parameters():
            if kept.get(id(p)):
                self.optimiser.state[p] = kept[id(p)]

    def _new_optimiser(self) -> torch.optim.AdamW:
        fused = self.device.type in ("cpu", "cuda")  # a seventh of the time
        return torch.optim.AdamW(
            self.net.parameters(), RATE, weight_decay=WEIGHT_DECAY, fused=fused
        )

    def state(self) -> dict[str, Tensor]:
        """Weights, averaged weights and optimiser as flat, named tensors; see `load`."""
        optimiser = self.optimiser.state_dict()["state"]
        return {
            **{f"net.{k}": v for k, v in self.net.state_dict().items()},
            **{f"averaged.{k}": v for k, v in self.averaged.state_dict().items()},
            **{f"optimiser.{i}.{k}": v for i, s in optimiser.items() for k, v in s.items()},
            "steps": torch.tensor(self.steps),
            "since_edit": torch.tensor(self.steps - self._last_edit),
            "losses": torch.tensor([self.loss, self.guess_loss]),
        }

    def load(self, state: dict[str, Tensor], *, edited: bool = True) -> None:
        """Go on from a state of a network of the same levels, channels and classes.

        Parameters
        ----------
        state : dict of tensors
        edited : bool
            Whether there is something new to learn; else the rate is as low as it was.

        Raises
        ------
        KeyError, RuntimeError, ValueError
            If it is another network's.
        """
        self.net.load_state_dict(part(state, "net."))
        self.averaged.load_state_dict(part(state, "averaged."))
        slots: dict[int, dict[str, Tensor]] = {}
        for name, value in part(state, "optimiser.").items():
            index, key = name.split(".")
            slots.setdefault(int(index), {})[key] = value
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": slots, "param_groups": groups})
        for weights, kept in self.optimiser.state.items():
            for moment in ("exp_avg", "exp_avg_sq"):
                # A file has lost which channels lie together, and the fused step does not look: on
                # a CPU it would pair moments with other weights, on a card it fails.
                kept[moment] = torch.empty_like(weights).copy_(kept[moment])
        self.steps = int(state["steps"])
        self._last_edit = self.steps - (0 if edited else int(state["since_edit"]))
        # The oldest models have none, older ones also those of what was learned beforehand.
        losses = state.get("losses", torch.empty(0)).tolist()
        self.loss, self.guess_loss = losses[:2] or [float("nan")] * 2
        self._folded_at = -1


def part(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """What of a state begins with a prefix, without it."""
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


@torch.no_grad()
def _moving_average(averaged: Tensors, current: Tensors, count: Tensor | int) -> None:
    """Exponential moving average that forgets its first steps quickly."""
    decay = min(AVERAGE, (1 + int(count)) / (1 + OVER + int(count)))
    for mean, value in zip(averaged, current, strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


def _at(where: Tensor, of: Tensor) -> Tensor:
    """(m,) or (m, classes) of (n, z, y, x) or (n, classes, z, y, x), at flat voxel indices."""
    last = of.movedim(1, -1).flatten(0, -2) if of.ndim == 5 else of.flatten()
    return last.index_select(0, where)


def _smoothed(before: float, value: Tensor) -> float:
    now = float(value)
    return now if np.isnan(before) else 0.95 * before + 0.05 * now
