"""Predicting blocks: the network's corrections of the first guess, mixed with the guess."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_densify.cases.box import Box
from napari_densify.learn.device import precision
from napari_densify.learn.inputs import Inputs

HALO = 8
"""Voxels around a block that the network sees but does not answer for. Labels of blocks and of the
whole of nuclei agree on 99.97 % of the voxels, with 16 on 99.98 %, in half the time."""
SMOOTH = 0.5
"""Standard deviation, in finest voxels, of the Gaussian that evens out a network's probabilities.
Dice of six hippocampi after 60 steps .788, without .781 and with 0.7 .791; two of them from nine
slices .876, .871 and .880; nuclei .888 each time; fib25 .762, .760 and .759; brain .972, .972 and
.971. See docs/measured/mixture.md."""

Size = Sequence[int]
Network = Callable[[Tensor], Tensor]
"""From (n, channels + classes, z, y, x), see `Inputs.read`, to (n, classes, z, y, x) logits."""


def guess_probability(inputs: Inputs, box: Box) -> Tensor:
    """(classes, z, y, x) probabilities of the first guess."""
    return classes_first(inputs.guess.read(box)).softmax(0)


def classes_first(values: NDArray[np.float16]) -> Tensor:
    """(classes, z, y, x) float32 of (z, y, x, classes), in memory too.

    Softmax of 64³ voxels takes 0.5 ms then and 6.6 ms where classes lie together; so does whatever
    mixes one with the other.
    """
    last = torch.from_numpy(values)
    return last.movedim(-1, 0).to(torch.float32, memory_format=torch.contiguous_format)


@torch.no_grad()
def network_probabilities(
    networks: Mapping[str, Network],
    inputs: Inputs,
    box: Box,
    stride: Size,
    spacing: Sequence[float],
) -> dict[str, Tensor]:
    """(classes, z, y, x) probabilities of each network, evened out, from one reading.

    Parameters
    ----------
    networks : mapping of names to callables
    inputs : Inputs
    box : Box
        Inside the volume, any size.
    stride : (3,) ints
        Of the networks.
    spacing : (3,) floats
        Distance between voxels along z, y, x.
    """
    if not networks:
        return {}
    device = inputs.bank.device
    parts = _parts(box, device)
    starts = [_start(part, inputs.shape, stride) for part in parts]
    size = _size(parts, starts, inputs.shape, stride)
    # A block of the brain takes 0.109 s with two networks, read for each of them 0.136 s.
    values = torch.stack([inputs.read(Box(a, _end(a, size))) for a in starts])
    # Channels stay last in memory: to bring them to the front and back takes as long as a network.
    values = values.to(device).to(precision(device)).movedim(-1, 1)
    answers = {}
    for name, network in networks.items():
        logits = network(values)
        out = torch.empty(logits.shape[1], *box.shape)
        for part, start, each in zip(parts, starts, logits, strict=True):
            near = part.grow((1, 1, 1), inputs.shape)
            seen = each[:, *near.shift(start).slices].float().softmax(0)
            even = smoothed(seen, spacing)[:, *part.shift(near.start).slices]
            out[:, *part.shift(box.start).slices] = even.cpu()
        answers[name] = out
    return answers


def smoothed(probability: Tensor, spacing: Sequence[float]) -> Tensor:
    """A network's probabilities, evened out by a Gaussian over each voxel and its neighbours.

    What a network says of a voxel follows that voxel's filters, noise and all. Of arithmetic that
    can be exported, see `learn.whole`.

    Parameters
    ----------
    probability : (classes, z, y, x) float
        At the edges the last voxels repeat.
    spacing : (3,) floats
    """
    for axis, distance in enumerate(spacing, start=1):
        near = math.exp(-((distance / min(spacing) / SMOOTH) ** 2) / 2)
        near /= 1 + 2 * near
        x = probability.movedim(axis, 0)
        x = torch.cat([x[:1], x, x[-1:]])
        probability = ((1 - 2 * near) * x[1:-1] + near * (x[:-2] + x[2:])).movedim(0, axis)
    return probability


def _parts(box: Box, device: torch.device) -> list[Box]:
    """The box itself, or two boxes of one shape that cover it where one alone takes longer.

    In single precision on a CPU torch convolves a batch of one without oneDNN if it is small. A
    slab of 8 x 64 x 64 voxels and its halo takes 154 ms then, as two halves 39 ms; in bfloat16
    19 and 22 ms, and a block of 64³ 72 and 82 ms.
    """
    if device.type != "cpu" or precision(device) != torch.float32:
        return [box]
    longest = int(np.argmax(box.shape))
    length = list(box.shape)
    length[longest] = -(-length[longest] // 2)
    second = [b - n for b, n in zip(box.stop, length, strict=True)]
    return [Box.cut(start, length, box.stop) for start in (box.start, second)]


def _start(box: Box, shape: Size, stride: Size) -> tuple[int, int, int]:
    """Where the network's input for a box begins.

    On the network's grid, so that neighbouring blocks pool the same voxels.
    """
    z, y, x = (
        max(min(a, whole - 1) - HALO, 0) // step * step
        for a, whole, step in zip(box.start, shape, stride, strict=True)
    )
    return z, y, x


def _size(boxes: Sequence[Box], starts: Sequence[Size], shape: Size, stride: Size) -> list[int]:
    """How large it is, the same for all boxes; a multiple of the network's stride."""
    size = []
    for axis, (step, whole) in enumerate(zip(stride, shape, strict=True)):
        ends = [min(box.stop[axis] + HALO, whole) for box in boxes]
        longest = max(end - start[axis] for end, start in zip(ends, starts, strict=True))
        size.append(-(-longest // step) * step)
    return size


def _end(start: Size, size: Size) -> tuple[int, int, int]:
    z, y, x = (a + n for a, n in zip(start, size, strict=True))
    return z, y, x
