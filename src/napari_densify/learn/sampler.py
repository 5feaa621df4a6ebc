"""Which patches the network trains on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.blocks import Blocks
from napari_densify.cases.box import Box
from napari_densify.cases.edit import Edit, each_once
from napari_densify.cases.oblique import normal_of
from napari_densify.cases.weight import ACCEPTED

NEWEST = 0.1
"""Share of patches drawn around the newest round's edits; the rest replays all, or the network
forgets. Dice of hippocampus_004 of nine slices, then after two corrected ones, 80 steps each: .879
.899 .911, with a fifth .879 .897 .900, with half .879 .873 .874. See
docs/measured/corrections.md."""
SLABS = 0.5
"""Share of patches that are slabs along the annotated plane rather than cubes."""
QUICK = 0.25
"""Voxels of the first patches after an edit, compared with all others: somebody waits for what they
bring. A step takes 0.07 s instead of 0.26 s (one thread of a busy machine)."""
ANY = 3
"""Stands for "no plane" where an axis is expected."""
TILTS = 250
"""Oblique planes that are told apart; what is painted on further ones is trained on in cubes."""
ALIKE = 0.999
"""Cosine between normals above which planes count as parallel: 2.6°."""


@dataclass(frozen=True, eq=False)
class Patch:
    """A box to train on and the annotated voxel it was drawn for, a flat index.

    `turn` is the physical rotation about its middle that lays a slab along an oblique plane; that
    may take it out of the volume.
    """

    box: Box
    voxel: int
    turn: NDArray[np.float64] | None = None


class Sampler:
    """Draws patches around annotated voxels, classes uniformly.

    The first patch after an edit lies around the newest ones and is a small one, so that the edit
    counts at once.

    Parameters
    ----------
    annotation : Annotation
        Read at each draw, so an edit is in use at the next one.
    stride : (3,) ints
        Patch sizes are multiples of this.
    voxels : int
        About how many voxels a patch has.
    rng : numpy Generator
    spacing : (3,) floats
        Distance between voxels along z, y, x.
    """

    def __init__(
        self,
        annotation: Annotation,
        stride: Sequence[int],
        voxels: int,
        rng: np.random.Generator,
        spacing: Sequence[float] = (1.0, 1.0, 1.0),
    ) -> None:
        self.annotation = annotation
        self.rng, self.spacing = rng, np.asarray(spacing, float)
        self._tilts: list[NDArray[np.float64]] = []
        self.sizes, self.quick = (
            [_patch(axis, annotation.shape, stride, n) for axis in (0, 1, 2, ANY)]
            for n in (voxels, round(QUICK * voxels))
        )
        self._where: dict[int, NDArray[np.int64]] = {}
        self._newest: dict[int, NDArray[np.int64]] = {}
        self._noticed: list[NDArray[np.int64]] = []
        # One more than the axis, as what was never written is 0; behind ANY come the tilts.
        self._plane = Blocks(annotation.shape, np.uint8)

    def notice(self, edit: Edit) -> None:
        """Take account of an edit that the annotation has just applied."""
        if not edit.where.size:
            return
        across = self._orientation(edit.where)
        # Many strokes may come as one, as when a project is opened again.
        self._plane.put(edit.where, 1 + (self._slices(edit) if across == ANY else across))
        self._noticed.append(edit.where)

    def _sort(self) -> None:
        """Sort what was noticed by class, once for all edits between two steps.

        It takes the longer the more is painted: 0.1 s for a million voxels.
        """
        if not self._noticed:
            return
        where = each_once(np.concatenate([*self._noticed, *self._where.values()]))
        self._noticed = []
        marks = self.annotation.at(where)
        self._where = _by_class(where, marks["label"])
        round_ = np.where(marks["round"] == ACCEPTED, 0, marks["round"])
        newest = round_ == round_[marks["label"] > 0].max(initial=0)
        self._newest = _by_class(where[newest], marks["label"][newest])

    def draw(self, count: int) -> list[Patch]:
        """`count` patches of one shape; they may reach out of the volume.

        The first patch's voxel decides between a cube and a slab, and the slab's orientation.
        """
        sizes, newest = (self.quick, 1.0) if self._noticed else (self.sizes, NEWEST)
        voxel = self._voxel(ANY, newest)
        axis = self._axis(voxel) if self.rng.random() < SLABS else ANY
        voxels = [voxel, *(self._voxel(axis, NEWEST) for _ in range(count - 1))]
        if axis > ANY:
            normal = self._tilts[axis - ANY - 1]
            return [self._tilted(v, normal, sizes) for v in voxels]
        return [Patch(self._around(v, sizes[axis]), v) for v in voxels]

    def _slices(self, edit: Edit) -> NDArray[np.uint8]:
        """The axis across the slice that each of an edit's voxels lies on, or ANY.

        It is the one along which a voxel has no neighbours among them.
        """
        _, y, x = self.annotation.shape
        alone = ~np.stack(
            [
                edit.touches(edit.where + step) | edit.touches(edit.where - step)
                for step in (y * x, x, 1)
            ]
        )
        across: NDArray[np.uint8] = np.where(alone.sum(0) == 1, alone.argmax(0), ANY)
        return across.astype(np.uint8)

    def _orientation(self, where: NDArray[np.int64]) -> int:
        """The axis across the plane that voxels lie on, ANY, or behind that one of the tilts."""
        zyx = np.stack(np.unravel_index(where, self.annotation.shape))
        thin = np.flatnonzero(np.ptp(zyx, axis=1) == 0)
        if thin.size:
            return int(thin[0]) if thin.size == 1 else ANY
        normal = normal_of(zyx, self.spacing)
        if normal is None:
            return ANY
        for number, known in enumerate(self._tilts, ANY + 1):
            if normal @ known > ALIKE:
                return number
        if len(self._tilts) == TILTS:
            return ANY
        self._tilts.append(normal)
        return ANY + len(self._tilts)

    def _tilted(
        self, voxel: int, normal: NDArray[np.float64], sizes: Sequence[Sequence[int]]
    ) -> Patch:
        """A slab along an oblique plane, turned as little as possible from the axes."""
        axis = int(np.abs(normal).argmax())
        size, turn = np.array(sizes[axis]), _turn(axis, normal)
        # In its own directions: the voxel stays in its middle half.
        away = self.rng.integers(-size // 4, size // 4 + 1) * self.spacing
        middle = np.unravel_index(voxel, self.annotation.shape) + turn @ away / self.spacing
        z, y, x = np.rint(middle - size / 2 + 0.5).astype(int)
        box = Box((z, y, x), (z + size[0], y + size[1], x + size[2]))
        return Patch(box, voxel, turn)

    def _axis(self, voxel: int) -> int:
        """The axis across the plane that a voxel was painted on, see `_orientation`."""
        return int(self._plane.get(np.array([voxel]))[0]) - 1

    def _voxel(self, axis: int, newest: float) -> int:
        """An annotated voxel, if possible one painted on a plane across `axis`."""
        self._sort()
        pools = self._newest if self.rng.random() < newest else self._where
        pool = pools[int(self.rng.choice(list(pools)))]
        for _ in range(8):
            voxel = int(self.rng.choice(pool))
            if axis in (ANY, self._axis(voxel)):
                break
        return voxel

    def _around(self, voxel: int, size: Sequence[int]) -> Box:
        """A patch whose middle half holds the voxel, pushed inwards at the volume's edges."""
        start = []
        zyx = np.unravel_index(voxel, self.annotation.shape)
        for v, n, length in zip(map(int, zyx), size, self.annotation.shape, strict=True):
            a = v - n // 2 + int(self.rng.integers(-n // 4, n // 4 + 1))
            room = max(length - n, 0)
            start.append(min(max(a, 0), room))
        z, y, x = start
        return Box((z, y, x), (z + size[0], y + size[1], x + size[2]))


def _turn(axis: int, normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """The smallest rotation that takes an axis to a direction (Rodrigues' formula)."""
    start = np.eye(3)[axis]
    a, b, c = np.cross(start, normal)
    skew = np.array([[0, -c, b], [c, 0, -a], [-b, a, 0]])
    turn: NDArray[np.float64] = np.eye(3) + skew + skew @ skew / (1 + start @ normal)
    return turn


def _by_class(where: NDArray[np.int64], labels: NDArray[np.uint8]) -> dict[int, NDArray[np.int64]]:
    return {int(k): where[labels == k] for k in np.unique(labels) if k}


def _patch(axis: int, shape: Sequence[int], stride: Sequence[int], voxels: int) -> list[int]:
    """Patch size: a cube, or a slab a quarter as thick across `axis`, within the volume."""
    side = voxels ** (1 / 3)
    wanted = [side * (0.4 if a == axis else 1.58 if axis != ANY else 1.0) for a in range(3)]
    size = []
    for want, step, length in zip(wanted, stride, shape, strict=True):
        whole = -(-length // step) * step
        size.append(min(max(round(want / step) * step, step), whole))
    return size
