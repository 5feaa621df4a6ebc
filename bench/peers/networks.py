"""Other people's 3-D U-Nets in a plain training loop: cross-entropy on annotated voxels only.

Each with what serves it on a CPU: `channels_last_3d`, two patches a step, patches around
annotated voxels with the class drawn uniformly, Adam; and an inference timed so that a result
of the newest weights is on the screen at each mark.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.lane import Options, Screen
from bench.memory import own_peak_mb
from bench.rates import measure
from bench.volumes import Task

BATCH = 2
IGNORE = -1
WARM_UP = 1.5
"""Seconds of training before the first prediction."""
MARGIN = 1.1
"""How much longer than the last one a prediction may take and still be there at the mark."""


@dataclass(frozen=True)
class Recipe:
    """A network and what it is trained with.

    Attributes
    ----------
    build : callable
        From the number of input channels and of classes to a network that answers with logits.
    patch : int
        Side of the cubes it is trained on and predicts with.
    rate : float
        Learning rate of Adam.
    """

    build: Callable[[int, int], nn.Module]
    patch: int
    rate: float


def monai_unet(task: Task, options: Options, screen: Screen) -> dict[str, Any]:
    """MONAI's BasicUNet, instance norm, five levels, half as wide as it comes.

    Dice on hippocampus_004 after 30 s: 0.66; 0.42 as wide as it comes, 0.05 with patches of 48³
    and the tutorials' rate of 1e-3 then, 0.37 with batch norm.
    """
    from monai.networks.nets import BasicUNet

    widths = (16, 16, 32, 64, 128, 16)
    recipe = Recipe(lambda c, k: BasicUNet(3, c, k, features=widths), 32, 3e-3)
    return _learn(recipe, task, options, screen)


def pytorch_3dunet(task: Task, options: Options, screen: Screen) -> dict[str, Any]:
    """UNet3D of pytorch-3dunet with 16 to 128 channels, group norm, four levels.

    Dice on hippocampus_004 after 30 s: 0.59; 0.46 at a rate of 3e-3, 0.36 with batch norm then,
    0.19 with patches of 48³.
    """
    return _learn(Recipe(_unet3d, 32, 1e-3), task, options, screen)


def _unet3d(channels: int, classes: int) -> nn.Module:
    from pytorch3dunet.unet3d.model import UNet3D

    return _Logits(UNet3D(channels, classes, final_sigmoid=False, f_maps=16))


class _Logits(nn.Module):
    """pytorch-3dunet answers with probabilities in one mode and with logits in the other."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x, return_logits=True)[1]
        return logits


def _learn(recipe: Recipe, task: Task, options: Options, screen: Screen) -> dict[str, Any]:
    loop = PlainLoop(recipe, task, options)
    screen.ready()
    marks = list(options.marks)
    last_pass, trained_at = 0.0, -np.inf
    while screen.seconds < marks[-1]:
        loop.step()
        now = screen.seconds
        due = [m for m in marks if m > now]
        early = last_pass == 0.0 and now >= WARM_UP
        # Not before it has trained as long as a prediction takes.
        worth = last_pass > 0.0 and now - trained_at >= last_pass
        if early or (worth and due and now + MARGIN * last_pass + loop.step_seconds >= due[0]):
            labels = loop.predict()
            last_pass, trained_at = screen.seconds - now, screen.seconds
            screen.show(labels)
        screen.pause()
    facts: dict[str, Any] = {
        "steps": loop.steps,
        "cores": screen.cores,
        "peak_memory_mb": own_peak_mb(),
    }
    if options.rates:
        facts |= measure(loop.step, lambda turn: loop.predict().size, loop.device)
    return facts


class PlainLoop:
    """The loop that the tutorials of both projects come down to."""

    def __init__(self, recipe: Recipe, task: Task, options: Options) -> None:
        from monai.inferers import sliding_window_inference

        # Imported here, which takes seconds, and not when the clock runs.
        self._slide = sliding_window_inference
        torch.manual_seed(options.seed)
        self.device = torch.device(options.device)
        self.random = np.random.default_rng(options.seed)
        self.patch, self.shape = recipe.patch, task.volume.shape
        image = task.volume.channels.astype(np.float32)
        axes = (1, 2, 3)
        image = (image - image.mean(axes, keepdims=True)) / image.std(axes, keepdims=True)
        # Volumes smaller than a patch are mirrored at their ends.
        beyond = [(0, max(0, self.patch - n)) for n in self.shape]
        self.image = np.pad(image, [(0, 0), *beyond], mode="symmetric")
        self.target = np.pad(task.annotation, beyond).astype(np.int64) - 1
        self.target[self.target < 0] = IGNORE
        classes = len(task.robot.classes)
        self.net = recipe.build(len(image), classes).to(self.device)
        self.net.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self.loss = nn.CrossEntropyLoss(ignore_index=IGNORE)
        self.optimiser = torch.optim.Adam(self.net.parameters(), recipe.rate)
        self.voxels = [np.argwhere(self.target == k) for k in range(classes)]
        self.steps = 0
        self.step_seconds = 0.0

    def step(self) -> None:
        """One step on two patches, flipped at random."""
        start = time.perf_counter()
        boxes = [self._box() for _ in range(BATCH)]
        values = np.stack([self.image[:, *box] for box in boxes])
        target = np.stack([self.target[box] for box in boxes])
        flip = [axis for axis in (-3, -2, -1) if self.random.random() < 0.5]
        x, y = (torch.from_numpy(np.flip(a, flip).copy()).to(self.device) for a in (values, target))
        self.net.train()
        loss = self.loss(self.net(x.contiguous(memory_format=torch.channels_last_3d)), y)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.steps += 1
        self.step_seconds = time.perf_counter() - start

    @torch.no_grad()
    def predict(self) -> NDArray[np.uint8]:
        """The whole volume by MONAI's sliding windows, two at a time."""
        self.net.eval()
        logits = self._slide(
            torch.from_numpy(self.image)[None],
            [self.patch] * 3,
            BATCH,
            lambda x: self.net(x.contiguous(memory_format=torch.channels_last_3d)),
            overlap=0.25,
            mode="gaussian",
            sw_device=self.device,
            device="cpu",
        )
        z, y, x = self.shape
        labels: NDArray[np.uint8] = logits[0, :, :z, :y, :x].argmax(0).numpy().astype(np.uint8) + 1
        return labels

    def _box(self) -> tuple[slice, ...]:
        """A patch with an annotated voxel somewhere in its middle half; classes uniformly."""
        pool = self.voxels[int(self.random.integers(len(self.voxels)))]
        voxel = pool[int(self.random.integers(len(pool)))]
        p = self.patch
        start = voxel - p // 2 + self.random.integers(-p // 4, p // 4 + 1, 3)
        start = np.clip(start, 0, np.array(self.target.shape) - p)
        return tuple(slice(a, a + p) for a in start.tolist())
