"""What a forest says of every voxel of a volume, computed where it is asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_densify.cases.box import Box
from napari_densify.learn.cells import Cells, Slices
from napari_densify.learn.features import FeatureBank
from napari_densify.learn.forests import Forests
from napari_densify.learn.pages import Pages

FLOOR = 0.01
"""Added to each probability: a forest is never as sure as it says."""
CELL = 8
"""Side of the cells that are computed at once; a viewed slice is thin."""
SURE = 0.65
"""Probability from which on a group of 2³ voxels is taken for one: where one voxel of it and one of
each group around it are that sure of one class. Labels of nuclei, fib25 and the brain stay the same
on all but 13 voxels in a million; asked are 48, 65 and 30 % of them (55, 73 and 31 % with 0.8)."""

Where = NDArray[np.int64]


class ForestMap:
    """Logits of one forest, coarsely first, then every voxel where that is not sure.

    Parameters
    ----------
    bank : FeatureBank
    forests : Forests
    number : int
        Which of the forests; while there is none all classes are alike.
    """

    def __init__(self, bank: FeatureBank, forests: Forests, number: int) -> None:
        self.bank, self._forests, self._number = bank, forests, number
        self._classes = 0
        self._begin()

    def _begin(self) -> None:
        """Nothing is known of what the forest says now."""
        self._forest = self._forests[self._number]
        shape = self.bank.shape
        if self._classes != self._forests.classes:
            self._classes = self._forests.classes
            # Only touched pages of these become memory.
            self._pages = Pages((*shape, self._classes), np.float16)
            self._coarse_pages = Pages((*(-(-n // 2) for n in shape), self._classes), np.float16)
            self._logits = self._pages.array
            self._coarse = self._coarse_pages.array
        self._cells, self._coarse_cells = Cells(shape, CELL), Cells(shape, CELL)

    def read(self, box: Box) -> NDArray[np.float16]:
        """(z, y, x, classes) logits of a box inside the volume, a view."""
        self._fill(self._cells.touched(box))
        return self._logits[box.slices]

    def at(self, where: Where) -> NDArray[np.float16]:
        """(n, classes) logits of voxels at flat indices, a copy."""
        self._fill(self._cells.of(where))
        return self._logits.reshape(-1, self._classes).take(where, axis=0)

    def forget(self, stop: int) -> None:
        """Give back the memory of slices before `stop`; asked for again, they are computed anew."""
        self._pages.give_back(self._cells.forget(stop))
        self._coarse_pages.give_back(self._coarse_cells.forget(stop) // 2)

    def _fill(self, asked: Slices | tuple[Where, ...]) -> None:
        """Compute those of the cells that are asked for and not known yet."""
        if self._forest is not self._forests[self._number] or (
            self._classes != self._forests.classes
        ):
            self._begin()
        unknown = self._cells.unknown(asked)
        if not unknown.any():
            return
        around = ndimage.binary_dilation(unknown, np.ones((3, 3, 3)))
        self._fill_coarse(around & ~self._coarse_cells.flags)
        z, y, x = zyx = self._voxels(unknown, 1)
        where = np.ravel_multi_index(zyx, self.bank.shape)
        group = [along // 2 for along in zyx]
        known = self._coarse.reshape(-1, self._classes)
        logits = known.take(np.ravel_multi_index(group, self._coarse.shape[:3]), axis=0)
        first = (z | y | x) & 1 == 0
        asked_of = np.flatnonzero(~self._sure(unknown, group) & ~first)
        _rows(logits)[asked_of] = _rows(self._ask(where[asked_of]))
        _rows(self._logits)[where] = _rows(logits)
        self._cells.flags |= unknown

    def _fill_coarse(self, cells: NDArray[np.bool_]) -> None:
        """The first voxel of each group of 2³."""
        zyx = self._voxels(cells, 2)
        answer = self._ask(np.ravel_multi_index(zyx, self.bank.shape))
        group = np.ravel_multi_index([along // 2 for along in zyx], self._coarse.shape[:3])
        _rows(self._coarse)[group] = _rows(answer)
        self._coarse_cells.flags |= cells

    def _sure(self, cells: NDArray[np.bool_], group: list[Where]) -> NDArray[np.bool_]:
        """Whether voxels of these groups are as sure as the first one of their group."""
        found = np.argwhere(cells)
        low = found.min(axis=0) * (CELL // 2) - 1
        high = (found.max(axis=0) + 1) * (CELL // 2) + 1
        low, high = np.maximum(low, 0), np.minimum(high, self._coarse.shape[:3])
        coarse = self._coarse[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        least = ndimage.minimum_filter(coarse.astype(np.float32), (3, 3, 3, 1), mode="nearest")
        sure = least.max(axis=-1) >= _logit(SURE)
        inside = [g - a for g, a in zip(group, low, strict=True)]
        answer: NDArray[np.bool_] = sure.take(np.ravel_multi_index(inside, sure.shape))
        return answer

    def _voxels(self, cells: NDArray[np.bool_], step: int) -> list[Where]:
        """z, y and x of the cells' voxels, all or every `step`-th."""
        corners = np.argwhere(cells) * CELL
        grid = np.indices([CELL // step] * 3).reshape(3, 1, -1) * step
        zyx = (corners.T[:, :, None] + grid).reshape(3, -1)
        inside = (zyx < np.array(self.bank.shape)[:, None]).all(axis=0)
        return list(zyx if inside.all() else zyx[:, inside])

    def _ask(self, where: Where) -> NDArray[np.float16]:
        """(n, classes) logits of voxels at flat indices by the forest."""
        probability = np.zeros((len(where), self._classes), np.float32)
        if self._forest and len(where):
            answer = self._forest.probability(
                self.bank.at(where).astype(np.float32), self._forests.threads
            )
            probability[:, : self._forest.classes] = answer
        return _logit(probability).astype(np.float16)


def _rows(values: NDArray[np.float16]) -> NDArray[np.void]:
    """(n,) elements, each all values of a voxel: numpy assigns these four times as fast."""
    row = np.dtype((np.void, values.shape[-1] * values.itemsize))
    return values.reshape(-1, values.shape[-1]).view(row)[:, 0]


def _logit(probability: NDArray[np.float32] | float) -> NDArray[np.float32]:
    """Logarithm of a probability, plus a constant that brings it around 0."""
    logit: NDArray[np.float32] = np.log((probability + FLOOR) / np.sqrt(FLOOR))
    return logit
