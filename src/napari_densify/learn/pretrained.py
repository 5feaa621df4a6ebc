"""What was learned beforehand: to correct guesses of many other volumes.

A network that was trained on volumes drawn by chance (`pretrain/` in the repository,
docs/model-card.md) makes the forest's guess better, from the first second on and without learning
anything here. It was trained on isotropic volumes of one channel with a few classes. Here are the
rules by which its weights become those of a network for other voxel proportions, channels and
classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import as_file, files

import torch
from safetensors.torch import load_file
from torch import Tensor

from napari_densify.learn.device import half_precision
from napari_densify.learn.features import SCALES
from napari_densify.learn.scale import PER_SCALE
from napari_densify.learn.unet import COMPACT, UNet3D

SLOTS = 4
"""Classes that it corrects, the first one being the background mostly. Further ones stay as the
guess has them."""
REFINED = 0.6
"""Share of its answer in the guess that is shown. See docs/measured/network.md for others."""
FILTERS, POSITION = 1 + PER_SCALE * len(SCALES), 3
"""Input channels before the guess's logits, see `learn.features`; behind them comes what is
annotated, one channel of each class."""
GUESS = slice(FILTERS + POSITION, FILTERS + POSITION + SLOTS)
"""Where the guess's logits are in the input of an `untrained` one."""

INPUTS = {"downs.0.weight", f"decoders.{len(COMPACT) - 2}.look.weight"}
"""Weights of the layers that see the input."""


def untrained() -> UNet3D:
    """A network of the kind that is trained beforehand."""
    return UNet3D(FILTERS + POSITION + 2 * SLOTS, SLOTS, COMPACT)


@cache
def weights() -> dict[str, Tensor]:
    """What was learned beforehand, as it lies in the package: matrices in half precision."""
    with as_file(files(__package__) / "pretrained.safetensors") as path:
        known: dict[str, Tensor] = load_file(path)
        return known


def fitted(known: Mapping[str, Tensor], net: UNet3D) -> dict[str, Tensor]:
    """Weights for a network of the same levels, from those of an `untrained` one once it was.

    Along an axis where the network's kernel is 1, because the voxels are long there, kernels are
    summed up: the answer is the one to an image that does not change along that axis. An image of
    several channels is seen as their mean. Classes beyond `SLOTS` are not corrected.

    Parameters
    ----------
    known : dict of tensors
    net : UNet3D
        Its widths must be those of `COMPACT`.

    Returns
    -------
    dict of tensors
        Named as in the network's `state_dict`; a differentiable function of `known`.
    """
    classes = net.head.out_features
    images, left = divmod(net.in_channels - POSITION - 2 * classes, FILTERS)
    assert not left
    made = {}
    for name, like in net.state_dict().items():
        value = known[name]
        if name in INPUTS:
            value = _inputs(value, images, classes)
        elif name.startswith("head."):
            value = _resized(value, classes, dim=0)
        if value.ndim == 5:
            value = _kernel(value, like.shape[2:], name.startswith("ups."))
        made[name] = value
    return made


class Refiner:
    """Corrects the guess that is part of a network's input, by what was learned beforehand.

    Parameters
    ----------
    known : dict of tensors
    like : UNet3D
        A network with as many levels as `COMPACT`; with its inputs, classes, voxel proportions
        and device.

    Attributes
    ----------
    net : UNet3D
        Its answer is what is to be added to the guess.

    Raises
    ------
    KeyError, RuntimeError, ValueError
        If those are not weights of such a network.
    """

    def __init__(self, known: Mapping[str, Tensor], like: UNet3D) -> None:
        levels = [
            replace(ours, kernel=theirs.kernel, pool=theirs.pool)
            for ours, theirs in zip(COMPACT, like.levels, strict=True)
        ]
        self.classes = like.head.out_features
        net = UNet3D(like.in_channels + self.classes, self.classes, levels)
        net.load_state_dict(fitted({name: value.float() for name, value in known.items()}, net))
        self.device = like.head.weight.device
        self.net = net.folded().to(self.device)

    @torch.no_grad()
    def logits(self, values: Tensor) -> Tensor:
        """(n, classes, z, y, x) logits of (n, channels + classes, z, y, x), see `Inputs.read`."""
        with half_precision(self.device):
            correction: Tensor = self.net(values)
        guess = values[:, -2 * self.classes : -self.classes]
        return correction.float() + guess.float()


def serves(net: UNet3D) -> bool:
    """Whether a network goes down as far as the one that was trained beforehand."""
    return len(net.levels) == len(COMPACT)


def _inputs(value: Tensor, images: int, classes: int) -> Tensor:
    """(out, in, …) weights of the layers that see the input."""
    parts = torch.split(value, [FILTERS, POSITION, SLOTS, value.shape[1] - GUESS.stop], dim=1)
    filters, position, *of_classes = parts
    mean = (filters / images).repeat_interleave(images, dim=1)
    return torch.cat([mean, position, *(_resized(p, classes, dim=1) for p in of_classes)], dim=1)


def _resized(value: Tensor, count: int, dim: int) -> Tensor:
    """The first `count` along a dimension, zeros behind the last one."""
    kept = value.narrow(dim, 0, min(count, value.shape[dim]))
    shape = list(value.shape)
    shape[dim] = count - kept.shape[dim]
    return torch.cat([kept, value.new_zeros(shape)], dim=dim)


def _kernel(value: Tensor, size: Sequence[int], up: bool) -> Tensor:
    """A convolution's weights for a kernel that is 1 along some axes."""
    for axis, (now, wanted) in enumerate(zip(value.shape[2:], size, strict=True), start=2):
        if now != wanted:
            value = value.mean(axis, keepdim=True) if up else value.sum(axis, keepdim=True)
    return value
