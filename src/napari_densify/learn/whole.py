"""All of a prediction as one module: from grey values to probabilities, without this package.

What the learner computes where it is asked for, tile by tile and with scikit-learn's trees, is
computed here for a whole volume at once and with torch alone, so that it can be written as
TorchScript or ONNX and run by whatever runs those. Filters, position, forest, network and how they
are mixed are the learner's; see docs/models.md for what is different.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_densify.learn.features import HIGHEST, LOWEST, POSITION
from napari_densify.learn.forest import Table
from napari_densify.learn.forest_map import FLOOR
from napari_densify.learn.forests import SHOWN
from napari_densify.learn.learner import Learner
from napari_densify.learn.mixture import preference
from napari_densify.learn.prediction import smoothed
from napari_densify.learn.scale import EDGE, Scale, filtered


class Whole(nn.Module):
    """Probabilities of every voxel of an image at the network's voxel size.

    Parameters
    ----------
    learner : Learner
        Brought to the state that is wanted; not changed.
    labels : sequence of ints
        Classes of the learner's, in the order in which their probabilities are wanted.

    Raises
    ------
    ValueError
        If it has not learned anything.
    """

    bias: Tensor
    order: Tensor

    def __init__(self, learner: Learner, labels: Sequence[int]) -> None:
        super().__init__()
        bank = learner.case.bank
        self.filters = nn.ModuleList(_Filters(scale) for scale in bank.scales)
        self.spacing = tuple(float(s) for s in learner.wanted)
        forest = learner.forests[SHOWN]
        if forest is None:
            raise ValueError("a learner without a forest predicts nothing")
        self.trees = nn.ModuleList(_Tree(table, learner.forests.classes) for table in forest.trees)
        self.network = learner.trainer.folded()
        refiner = learner.mixture.refiner
        self.refiner = None if refiner is None else refiner.net
        self.refined = learner.mixture.refined
        self.stride = learner.trainer.net.stride
        self.trust = learner.trust
        self.register_buffer("bias", torch.from_numpy(preference(learner.case)).float())
        # The learner has its classes in the order in which it met them.
        order = [learner.classes.index(label) for label in labels]
        self.register_buffer("order", torch.tensor(order))

    def forward(self, image: Tensor) -> Tensor:
        """Probabilities of the classes that were asked for, in that order.

        Parameters
        ----------
        image : (1, c, z, y, x) float32
            Finite grey values, of any range.

        Returns
        -------
        (1, classes, z, y, x) float32
        """
        normal = torch.stack([_normalise(channel) for channel in image[0].unbind(0)])
        channels = [normal]
        for filters in self.filters:
            channels += filters(normal)
        # The learner keeps them in half precision, and its trees have grown on that.
        channels.append(_position(image, self.spacing))
        seen = torch.cat(channels).half().float()
        probability = sum(tree(seen.flatten(1)) for tree in self.trees) / len(self.trees)
        guess = torch.log((probability + FLOOR) / FLOOR**0.5).reshape(-1, *image.shape[2:])
        guess = guess.half().float()
        nothing = torch.zeros_like(guess)  # is annotated
        values = torch.cat([seen, guess, nothing])[None]
        beyond = [-n % s for n, s in zip(image.shape[2:], self.stride, strict=True)]
        padded = F.pad(values, (0, beyond[2], 0, beyond[1], 0, beyond[0]), mode="replicate")
        z, y, x = image.shape[2:]
        first = guess.softmax(0)
        if self.refiner is not None:
            refined = self.refiner(padded)[0, :, :z, :y, :x] + guess
            even = smoothed(refined.softmax(0), self.spacing)
            first = first * (1 - self.refined) + even * self.refined
        logits = self.network(padded)[0, :, :z, :y, :x] + guess - self.bias
        even = smoothed(logits.softmax(0), self.spacing)
        mixed: Tensor = first * (1 - self.trust) + even * self.trust
        return mixed.index_select(0, self.order)[None]


class _Filters(nn.Module):
    """The filters of one scale; see `scale.Scale`, on whose grid they are computed."""

    along_z: Tensor
    along_y: Tensor
    along_x: Tensor

    def __init__(self, scale: Scale) -> None:
        super().__init__()
        self.steps, self.radii = scale.steps, scale.radii
        self.distances, self.unit = scale.distances, scale.unit
        z, y, x = (torch.from_numpy(scale.kernel(axis)).float() for axis in range(3))
        self.register_buffer("along_z", z[None, None, :, None, None])
        self.register_buffer("along_y", y[None, None, None, :, None])
        self.register_buffer("along_x", x[None, None, None, None, :])

    def forward(self, image: Tensor) -> list[Tensor]:
        """Responses to a (c, z, y, x) image, each (c, z, y, x)."""
        x = image[:, None]
        for axis, kernel in enumerate((self.along_z, self.along_y, self.along_x)):
            step = self.steps[axis]
            before = self.radii[axis] + EDGE * step
            around = [0] * 6
            around[4 - 2 * axis : 6 - 2 * axis] = [before, before + step]
            stride = [step if a == axis else 1 for a in range(3)]
            x = F.conv3d(F.pad(x, around, mode="replicate"), kernel, stride=stride)
            points = (image.shape[axis + 1] - 1 + step - 1) // step + 1 + 2 * EDGE
            x = x[(slice(None),) * (axis + 2) + (slice(0, points),)]
        coarse = filtered(x[:, 0], self.distances, self.unit, _difference)
        return [_refined(response, self.steps, image.shape[1:]) for response in coarse]


def _refined(response: Tensor, steps: Sequence[int], shape: Sequence[int]) -> Tensor:
    """From a scale's grid, with `EDGE` points around it, to the voxels of a shape."""
    inner = slice(EDGE, -EDGE)
    response = response[:, inner, inner, inner]
    if max(steps) > 1:
        size = [(n - 1) * s + 1 for n, s in zip(response.shape[1:], steps, strict=True)]
        response = F.interpolate(response[None], size=size, mode="trilinear", align_corners=True)[0]
    z, y, x = shape
    return response[:, :z, :y, :x]


class _Tree(nn.Module):
    """One tree of a forest, walked down by all voxels at once."""

    left: Tensor
    right: Tensor
    feature: Tensor
    threshold: Tensor
    values: Tensor

    def __init__(self, table: Table, classes: int) -> None:
        super().__init__()
        leaf = table["left_child"] == -1
        here = np.arange(len(leaf))
        threshold = table["threshold"].astype(np.float32)
        # A value is compared with the threshold in double precision: the next lower number is that.
        high = threshold > table["threshold"]
        threshold[high] = np.nextafter(threshold[high], np.float32(-np.inf))
        self.register_buffer("left", torch.from_numpy(np.where(leaf, here, table["left_child"])))
        self.register_buffer("right", torch.from_numpy(np.where(leaf, here, table["right_child"])))
        self.register_buffer(
            "feature", torch.from_numpy(np.where(leaf, 0, table["feature"])).long()
        )
        self.register_buffer("threshold", torch.from_numpy(threshold))
        values = np.zeros((len(leaf), classes), np.float32)
        values[:, : table["values"].shape[1]] = table["values"]
        self.register_buffer("values", torch.from_numpy(values))
        self.depth = _depth(table)

    def forward(self, seen: Tensor) -> Tensor:
        """(classes, n) probabilities of (features, n) voxels."""
        node = torch.zeros_like(seen[0], dtype=torch.long)
        for _ in range(self.depth):
            value = seen.gather(0, self.feature[node][None])[0]
            node = torch.where(value <= self.threshold[node], self.left[node], self.right[node])
        return self.values[node].T


def _depth(table: Table) -> int:
    """How many steps the longest way down takes; children come after their parents."""
    depth = np.zeros(len(table["feature"]), int)
    for at in np.flatnonzero(table["left_child"] != -1):
        depth[table["left_child"][at]] = depth[table["right_child"][at]] = depth[at] + 1
    return int(depth.max())


def _normalise(values: Tensor) -> Tensor:
    """Grey values as `features.normalise` makes them, of all slices."""
    flat, _ = values.flatten().sort()
    low, high = _percentile(flat, LOWEST), _percentile(flat, HIGHEST)
    flattened = low == high
    low = torch.where(flattened, flat[0], low)
    high = torch.where(flattened, flat[-1], high)
    span = torch.where(high == low, torch.ones_like(high), high - low)
    values = (torch.minimum(torch.maximum(values, low), high) - low) / span
    mean = values.mean()
    return (values - mean) / (((values - mean) ** 2).mean().sqrt() + 1e-6)


def _percentile(ordered: Tensor, percent: float) -> Tensor:
    # As tensors, so that an exported module counts the voxels of the image that it is given.
    at = torch.ones_like(ordered).sum(dtype=torch.float64).sub(1).mul(percent / 100)
    below = at.floor()
    pair = ordered[torch.stack([below, at.ceil()]).long()]
    return pair[0] + (pair[1] - pair[0]) * (at - below).float()


def _position(image: Tensor, spacing: Sequence[float]) -> Tensor:
    """(3, z, y, x) position along each axis; see `features.POSITION`."""
    ones = torch.ones_like(image[0, 0])
    counts = [ones[:, 0, 0].sum(), ones[0, :, 0].sum(), ones[0, 0].sum()]
    lengths = torch.stack([n * d for n, d in zip(counts, spacing, strict=True)])
    along = []
    for axis, (n, d) in enumerate(zip(counts, spacing, strict=True)):
        index = ones.cumsum(axis)  # from 1 on
        along.append((2 * index - 1 - n) * (POSITION * d / lengths.max()))
    return torch.stack(along)


def _difference(x: Tensor, axis: int, step: float) -> Tensor:
    """`torch.gradient` with edges of first order, of parts that can be exported."""
    x = x.movedim(axis, 0)
    inner = (x[2:] - x[:-2]) / (2 * step)
    ends = (x[1:2] - x[:1]) / step, (x[-1:] - x[-2:-1]) / step
    return torch.cat([ends[0], inner, ends[1]]).movedim(0, axis)
