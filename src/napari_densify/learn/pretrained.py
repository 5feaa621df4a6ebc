"""The network that projects begin with: one that has corrected guesses of many other volumes.

It was trained on isotropic volumes of one channel with a few classes (`pretrain/` in the
repository, docs/model-card.md). Here are the rules by which its weights become those of a network
for other voxel proportions, channels and classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import as_file, files

import torch
from safetensors.torch import load_file
from torch import Tensor

from napari_densify.learn.features import PER_SCALE, SCALES
from napari_densify.learn.unet import COMPACT, UNet3D

SLOTS = 4
"""Classes that it corrects, the first one being the background mostly. Further ones begin as the
guess has them."""
FILTERS, POSITION = 1 + PER_SCALE * len(SCALES), 3
"""Input channels before the guess's logits, see `learn.features`."""


def untrained() -> UNet3D:
    """A network of the kind that is trained beforehand."""
    return UNet3D(FILTERS + POSITION + SLOTS, SLOTS, COMPACT)


@cache
def weights() -> dict[str, Tensor]:
    """What was learned beforehand, as it lies in the package."""
    with as_file(files(__package__) / "pretrained.safetensors") as path:
        return {name: value.float() for name, value in load_file(path).items()}


def fitted(known: Mapping[str, Tensor], net: UNet3D) -> dict[str, Tensor]:
    """Weights for a network of the same levels, from those of an `untrained` one once it was.

    Along an axis where the network's kernel is 1, because the voxels are long there, kernels are
    summed up: the answer is the one to an image that does not change along that axis. An image of
    several channels is seen as their mean. Classes beyond `SLOTS` are not corrected yet.

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
    images, left = divmod(net.in_channels - POSITION - classes, FILTERS)
    assert not left
    inputs = _seeing(net)
    made = {}
    for name, like in net.state_dict().items():
        value = known[name]
        if name in inputs:
            value = _inputs(value, images, classes)
        elif name.startswith("head."):
            value = _resized(value, classes, dim=0)
        if value.ndim == 5:
            value = _kernel(value, like.shape[2:], name.startswith("ups."))
        made[name] = value
    return made


def begin(net: UNet3D) -> bool:
    """Give a network what was learned beforehand; False if it is of other widths."""
    ours = {name: tuple(value.shape[:1]) for name, value in net.state_dict().items()}
    known = weights()
    body = [name for name in ours if not name.startswith("head.")]
    if ours.keys() != known.keys() or any(ours[n] != known[n].shape[:1] for n in body):
        return False
    net.load_state_dict(fitted(known, net))
    return True


@torch.no_grad()
def meet(net: UNet3D, before: int) -> None:
    """Give a network that was widened what is known of classes after the first `before`."""
    known = fitted(weights(), net)
    classes = net.head.out_features
    for name, value in net.named_parameters():
        if name in _seeing(net):
            new = slice(net.in_channels - classes + before, None)
            value[:, new] = known[name][:, new]
        elif name.startswith("head."):
            value[before:] = known[name][before:]


def _seeing(net: UNet3D) -> set[str]:
    """Names of the weights that see the input: the first level is a light head."""
    return {"downs.0.weight", f"decoders.{len(net.decoders) - 1}.look.weight"}


def _inputs(value: Tensor, images: int, classes: int) -> Tensor:
    """(out, in, …) weights of the layers that see the input."""
    filters, position, guess = torch.split(value, [FILTERS, POSITION, SLOTS], dim=1)
    mean = (filters / images).repeat_interleave(images, dim=1)
    return torch.cat([mean, position, _resized(guess, classes, dim=1)], dim=1)


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
