"""Axis-aligned boxes of voxels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from napari_densify.cases.volume import Shape


@dataclass(frozen=True)
class Box:
    """The voxels from `start` up to, not including, `stop`, along z, y, x."""

    start: Shape
    stop: Shape

    @classmethod
    def cut(cls, start: Sequence[int], size: Sequence[int], shape: Sequence[int]) -> Self:
        """A box of at most `size` at `start`, cut off at the end of a volume of `shape`."""
        stop = [min(int(a + n), int(s)) for a, n, s in zip(start, size, shape, strict=True)]
        return cls(_three(start), _three(stop))

    @property
    def shape(self) -> Shape:
        """Size along z, y, x."""
        return _three([b - a for a, b in zip(self.start, self.stop, strict=True)])

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """What to index a (z, y, x) array with."""
        z, y, x = (slice(a, b) for a, b in zip(self.start, self.stop, strict=True))
        return z, y, x

    def grow(self, margin: Sequence[int], shape: Sequence[int]) -> Box:
        """The box with a margin on all sides, as far as a volume of `shape` goes."""
        start = [max(a - m, 0) for a, m in zip(self.start, margin, strict=True)]
        stop = [min(b + m, s) for b, m, s in zip(self.stop, margin, shape, strict=True)]
        return Box(_three(start), _three(stop))

    def meet(self, other: Box) -> Box:
        """The voxels that are in both boxes; they must overlap."""
        start = [max(a, b) for a, b in zip(self.start, other.start, strict=True)]
        stop = [min(a, b) for a, b in zip(self.stop, other.stop, strict=True)]
        return Box(_three(start), _three(stop))

    def shift(self, origin: Sequence[int]) -> Box:
        """The same voxels in the coordinates of an array that begins at `origin`."""
        start = [a - o for a, o in zip(self.start, origin, strict=True)]
        stop = [b - o for b, o in zip(self.stop, origin, strict=True)]
        return Box(_three(start), _three(stop))


def tiles(shape: Sequence[int], size: Sequence[int]) -> Iterator[Box]:
    """Boxes of at most `size` that cover a volume of `shape`, each voxel once."""
    for z in range(0, shape[0], size[0]):
        for y in range(0, shape[1], size[1]):
            for x in range(0, shape[2], size[2]):
                yield Box.cut((z, y, x), size, shape)


def _three(values: Sequence[int]) -> Shape:
    z, y, x = values
    return int(z), int(y), int(x)
