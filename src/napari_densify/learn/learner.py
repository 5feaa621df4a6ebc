"""Network, optimiser, averaged weights, sampler and data: what learns, step by step."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from napari_densify.cases.annotation import Annotation, Edit
from napari_densify.cases.box import Box
from napari_densify.learn import augment
from napari_densify.learn.features import FeatureBank, normalise
from napari_densify.learn.loss import masked_dice, weighted_cross_entropy
from napari_densify.learn.sampler import Sampler
from napari_densify.learn.unet import COMPACT, Level, UNet3D, fit_spacing

RATE = 5e-3
"""Highest learning rate of AdamW."""
WARM_UP = 10
"""Steps from 0 to the highest rate."""
SETTLE = 150
"""Steps after an edit at which the rate has fallen to half."""
AVERAGE = 0.98
"""Decay of the averaged weights once there are many steps."""
DICE_FROM = 50
"""Step at which the Dice loss sets in: before, there is nothing for it to sharpen."""
BATCH = 2
"""Patches a step. Batch 1 falls onto a five times slower path of torch on a CPU."""
PATCH = 40**3
"""Voxels a patch."""
HALO = 16
"""Voxels around a block that the network sees but does not answer for."""


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
        self.loss = float("nan")
        torch.manual_seed(seed)
        self._random = torch.Generator().manual_seed(seed)
        self.bank = FeatureBank(normalise(image), spacing, self.device)
        net = UNet3D(self.bank.channels, len(self.classes), fit_spacing(levels, spacing))
        self.net = net.to(self.device, memory_format=torch.channels_last_3d)
        self.averaged = AveragedModel(self.net, multi_avg_fn=_moving_average, use_buffers=True)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), RATE, weight_decay=1e-2)
        self.annotation = Annotation(self.bank.shape)
        rng = np.random.default_rng(seed)
        self.sampler = Sampler(self.annotation, self.net.stride, PATCH, rng)
        self._last_edit = 0
        self._weight_of = self.annotation.weight_table(strength)

    @property
    def ready(self) -> bool:
        """Whether there are two classes to tell apart."""
        return len(self.annotation.classes) >= 2

    def apply(self, edit: Edit) -> None:
        """Learn from an edit from the next step on; the learning rate rises again."""
        self.annotation.apply(edit)
        self.sampler.notice(edit)
        self._weight_of = self.annotation.weight_table(self.strength)
        self._last_edit = self.steps
        new = sorted(set(self.annotation.classes) - set(self.classes))
        if new:
            self._grow([*self.classes, *new])

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
        end = time.perf_counter() + seconds
        while True:
            self._step()
            if time.perf_counter() >= end or interrupt():
                return Progress(self.steps, self.loss)

    def _step(self) -> None:
        values, target, weight = self._batch()
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate()
        self.net.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            logits = self.net(values)
        logits = logits.float()
        loss = weighted_cross_entropy(logits, target, weight)
        if self.steps >= DICE_FROM:
            loss = loss + masked_dice(logits, target, weight)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self.averaged.update_parameters(self.net)
        value = float(loss.detach())
        self.loss = value if np.isnan(self.loss) else 0.95 * self.loss + 0.05 * value
        self.steps += 1

    def _rate(self) -> float:
        since = self.steps - self._last_edit
        return RATE * min(1.0, (self.steps + 1) / WARM_UP) / (1 + since / SETTLE)

    def _batch(self) -> tuple[Tensor, Tensor, Tensor]:
        boxes = self.sampler.draw(BATCH)
        values = torch.stack([self._read(box) for box in boxes]).to(self.device)
        labels = torch.stack([self._supervision(box) for box in boxes]).to(self.device)
        values, labels = augment.warp(values, labels, self.spacing, self._random)
        values = augment.recolour(values, self._random)
        values = values.contiguous(memory_format=torch.channels_last_3d)
        return values, labels[:, 0].long(), labels[:, 1]

    def _read(self, box: Box) -> Tensor:
        """Features of a box; beyond the volume's end its last voxels repeat."""
        inside = Box.cut(box.start, box.shape, self.bank.shape)
        values = self.bank.read(inside)
        beyond = [(0, b - i) for b, i in zip(box.shape, inside.shape, strict=True)]
        if any(after for _, after in beyond):
            values = np.pad(values, [(0, 0), *beyond], mode="edge")
        return torch.from_numpy(values).float()

    def _supervision(self, box: Box) -> Tensor:
        """(2, z, y, x): class index and weight w; w = 0 beyond the volume's end."""
        marks = self.annotation.marks[box.slices]
        index = np.searchsorted(self.classes, marks["label"].clip(1))
        weight = self._weight_of[
            marks["label"].astype(np.intp), marks["round"].astype(np.intp), marks["wrong"].astype(np.intp)
        ]
        out = np.zeros((2, *box.shape), np.float32)
        z, y, x = marks.shape
        out[0, :z, :y, :x], out[1, :z, :y, :x] = index, weight
        return torch.from_numpy(out)

    @torch.no_grad()
    def predict(self, box: Box) -> NDArray[np.float32]:
        """Class probabilities from the averaged weights.

        Parameters
        ----------
        box : Box
            Inside the volume, any size.

        Returns
        -------
        (classes, z, y, x) float32
            In the order of `classes`.
        """
        self.averaged.eval()
        around = box.grow([HALO] * 3, self.bank.shape)
        # The start stays on the network's grid, so that neighbouring blocks pool the same voxels.
        start = [a // s * s for a, s in zip(around.start, self.net.stride, strict=True)]
        size = [
            -(-(b - a) // s) * s for a, b, s in zip(start, around.stop, self.net.stride, strict=True)
        ]
        padded = Box((start[0], start[1], start[2]), _end(start, size))
        values = self._read(padded)[None].expand(2, -1, -1, -1, -1)
        values = values.to(self.device).contiguous(memory_format=torch.channels_last_3d)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            logits = self.averaged(values)[0]
        inner = logits[:, *box.shift(start).slices]
        return inner.float().softmax(0).cpu().numpy()

    def _grow(self, classes: list[int]) -> None:
        self.classes = classes


def pick_device(name: str) -> torch.device:
    """The torch device of that name; "auto" is CUDA or MPS where present, else the CPU."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


@torch.no_grad()
def _moving_average(averaged: list[Tensor], current: list[Tensor], count: Tensor | int) -> None:
    """Exponential moving average that forgets its first steps quickly."""
    decay = min(AVERAGE, (1 + int(count)) / (10 + int(count)))
    for mean, value in zip(averaged, current, strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


def _end(start: Sequence[int], size: Sequence[int]) -> tuple[int, int, int]:
    z, y, x = (a + n for a, n in zip(start, size, strict=True))
    return z, y, x
