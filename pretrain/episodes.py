"""Episodes: a volume, a few annotated slices, what the trees make of them, and the truth.

All that the network gets here it gets in the plugin too, by the same code: filters, position, the
logits of a forest that was fitted to the slices and perhaps to corrections of its first guess, and
that annotation itself. What it is asked for is the rest of the volume.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box
from napari_densify.cases.plane import Plane
from napari_densify.learn.case import Case
from napari_densify.learn.forests import FEW, Forests
from napari_densify.learn.grid import Grid
from napari_densify.learn.pretrained import SLOTS
from pretrain.images import volume
from pretrain.shapes import Field, Labels, Random

NEVER = -30.0
"""Logit of classes that there are not."""
SIDES = 40, 88
"""Voxels along an axis, at least and at most."""
RAREST = 0.004
"""Least share of the volume that a class must have to be asked for."""
STROKE = 1.0, 6.0
"""Radii of strokes, in voxels."""
CORRECTED = 0.5
"""Share of the episodes where the first guess was corrected and the forest fitted again."""
DISCS = 0.3
"""Share of those that were corrected by discs, not slice by slice as the robot does."""
LEAST, MOST = 0.25, 0.97
"""Mean Dice of the guess between which there is something to learn from an episode."""


@dataclass(frozen=True, eq=False)
class Episode:
    """A task with its answer.

    Attributes
    ----------
    values : (z, y, x, channels) float16
        The network's input without what is annotated, the logits of `SLOTS` classes at the end;
        those of classes that there are not are 0.
    target : (z, y, x) uint8
        Slot of each voxel's class.
    free : (z, y, x) bool
        What was not annotated.
    balance : (SLOTS,) float32
        Factor of each class in the loss, see `cases.weight`; 0 for classes that there are not.
    spacing : (3,) floats
    """

    values: Tensor
    target: Tensor
    free: Tensor
    balance: Tensor
    spacing: tuple[float, float, float]

    def to(self, device: torch.device) -> Episode:
        """The same, there."""
        tensors = (self.values, self.target, self.free, self.balance)
        return Episode(*(each.to(device) for each in tensors), self.spacing)


def episode(seed: int, number: int) -> Episode:
    """The episode of that number; always the same one."""
    random = np.random.default_rng((seed, number))
    while True:
        z, y, x = (int(n) for n in random.integers(SIDES[0], SIDES[1] + 1, 3))
        grey, labels, spacing = volume(random, (z, y, x))
        truth = _classes(random, labels)
        if truth is None:
            continue
        painted = _slices(random, truth)
        classes = [int(k) for k in np.unique(painted) if k]
        if len(classes) == truth.max():
            drawing = Drawing(random, grey, truth, spacing)
            drawing.paint(painted > 0)
            drawn = drawing.episode()
            if LEAST < _agreement(drawn) < MOST:
                if random.random() < CORRECTED and (more := _corrections(random, drawn)).any():
                    drawing.paint(more)
                    drawn = drawing.episode()
                return drawn


def _classes(random: Random, labels: Labels) -> Labels | None:
    """Annotation labels 1…, 1 being the background mostly; None if too little is there."""
    share = np.bincount(labels.ravel(), minlength=2) / labels.size
    parts = [k for k in range(1, len(share)) if share[k] > RAREST][: SLOTS - 1]
    if not parts or 1 - share[parts].sum() < RAREST:
        return None
    order = list(random.permutation(parts))
    table = np.ones(len(share), np.uint8)
    table[order] = np.arange(2, len(order) + 2)
    return table[labels]


def _slices(random: Random, truth: Labels) -> Labels:
    """What was painted: one to eight slices, most often one of each orientation."""
    painted = np.zeros_like(truth)
    axes = [0, 1, 2]
    if random.random() < 0.4:
        axes = list(random.integers(0, 3, int(random.integers(1, 9))))
    present = [truth == k for k in range(2, truth.max() + 1)]
    for axis in axes:
        others = tuple(a for a in range(3) if a != axis)
        least = np.min([p.mean(axis=others) / p.mean() for p in present], axis=0)
        chance = least + 0.02 * least.max() + 1e-9
        position = int(random.choice(len(chance), p=chance / chance.sum()))
        plane = Plane(axis, position)
        plane.take(painted)[:] = plane.take(truth)
    return painted


class Drawing:
    """A volume that is painted on, and what the trees make of that.

    Parameters
    ----------
    random : numpy.random.Generator
    grey, truth : (z, y, x) arrays
    spacing : (3,) floats
    """

    def __init__(
        self, random: Random, grey: Field, truth: Labels, spacing: tuple[float, float, float]
    ) -> None:
        self.truth, self._count = truth, int(truth.max())
        grid = Grid(grey.shape, spacing, spacing)
        self._case = Case(grey[None], grid, torch.device("cpu"))
        seed = int(random.integers(1 << 30))
        channels = self._case.bank.channels
        self._forests = Forests(channels, self._count, seed, threads=1, trees=FEW)
        self._case.join(self._forests, (8, 8, 8), list(range(1, self._count + 1)), 0)

    def paint(self, where: NDArray[np.bool_]) -> None:
        """Annotate voxels as they are, and fit the forest to all that is annotated."""
        case, at = self._case, np.flatnonzero(where)
        edit = Annotation(self.truth.shape).change(at, self.truth.ravel()[at])
        assert edit is not None
        case.apply(edit)
        case.supervision.weigh(case.annotation.weight_table())
        for stage in self._forests.fit([case.guess.examples(case.supervision)]):
            if stage == "shown":
                break

    def episode(self) -> Episode:
        """As it stands."""
        case, shape = self._case, self.truth.shape
        read = case.inputs.read(Box((0, 0, 0), shape))
        values = torch.zeros(*shape, case.bank.channels + SLOTS, dtype=torch.float16)
        values[..., : case.inputs.channels] = read[..., : case.inputs.channels]
        balance = torch.zeros(SLOTS)
        balance[: self._count] = torch.from_numpy(case.supervision.balance)
        free = torch.from_numpy(case.annotation.labels == 0)
        spacing: tuple[float, float, float] = case.grid.spacing  # type: ignore[assignment]
        return Episode(values, torch.from_numpy(self.truth - 1), free, balance, spacing)


def _guess(drawn: Episode) -> Tensor:
    there = torch.where(drawn.balance > 0, 0.0, NEVER)
    return (drawn.values[..., -SLOTS:] + there).argmax(-1)


def _agreement(drawn: Episode) -> float:
    return dice(_guess(drawn), drawn.target, drawn.free)


def _corrections(random: Random, drawn: Episode) -> NDArray[np.bool_]:
    """Where a user would paint who sees the guess: what is wrong on a few slices, or a few discs.

    Of a slice all of the wrong regions or some of them are painted, and nothing else. A disc is
    painted around a wrong voxel, the whole of it or what has the class of its centre.
    """
    wrong = ((_guess(drawn) != drawn.target) & drawn.free).numpy()
    painted = np.zeros_like(wrong)
    if random.random() < DISCS:
        for _ in range(int(random.integers(1, 7))):
            painted |= _disc(random, wrong, drawn.target.numpy())
        return painted & drawn.free.numpy()
    for _ in range(int(random.integers(1, 6))):
        axis = int(random.integers(3))
        others = tuple(a for a in range(3) if a != axis)
        count = (wrong & ~painted).sum(axis=others).astype(float) ** 2
        if not count.any():
            continue
        plane = Plane(axis, int(random.choice(len(count), p=count / count.sum())))
        regions, found = ndimage.label(plane.take(wrong))
        kept = random.random(found + 1) < random.uniform(0.3, 1.5)
        kept[0] = False
        plane.take(painted)[:] |= kept[regions]
    return painted


def _disc(random: Random, wrong: NDArray[np.bool_], target: Labels) -> NDArray[np.bool_]:
    painted, places = np.zeros_like(wrong), np.argwhere(wrong)
    if not len(places):
        return painted
    centre = places[int(random.integers(len(places)))]
    radius, axis = random.uniform(*STROKE), int(random.integers(3))
    size = [0 if a == axis else int(radius) for a in range(3)]
    box = Box.cut(centre, (1, 1, 1), target.shape).grow(size, target.shape).slices
    offset = np.stack(np.mgrid[box]) - centre[:, None, None, None]
    painted[box] = (offset**2).sum(axis=0) <= radius**2
    if random.random() < 0.5:
        painted &= target == target[tuple(centre)]
    return painted


def dice(shown: Tensor, target: Tensor, free: Tensor) -> float:
    """Mean over the structures, where nothing was annotated; 1 where there are none."""
    each = []
    for k in range(1, SLOTS):
        a, b = (shown == k) & free, (target == k) & free
        if b.any():
            each.append(2 * float((a & b).sum()) / float(a.sum() + b.sum()))
    return float(np.mean(each)) if each else 1.0


class Episodes(IterableDataset[Episode]):
    """Episodes one after the other, from a number on, drawn by as many processes as the loader has.

    Parameters
    ----------
    seed, first : ints
    """

    def __init__(self, seed: int, first: int = 0) -> None:
        self.seed, self.first = seed, first

    def __iter__(self) -> Iterator[Episode]:
        """Without an end."""
        torch.set_num_threads(1)
        worker = get_worker_info()
        part, parts = (worker.id, worker.num_workers) if worker else (0, 1)
        number = self.first + part
        while True:
            yield episode(self.seed, number)
            number += parts
