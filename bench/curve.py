"""Dice over time: what was on the screen when, and how good it was."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

NAN = float("nan")


@dataclass
class Point:
    """A prediction that came onto the screen.

    Attributes
    ----------
    seconds : float
        When, on the method's own clock.
    dice : float
        Mean over the structures, on voxels that were not annotated.
    surface : float
        Surface Dice at one voxel; NaN where it was not measured.
    covered : float
        Share of the volume that has a prediction at all.
    """

    seconds: float
    dice: float
    surface: float = NAN
    covered: float = 1.0


@dataclass
class Curve:
    """Points in the order of their seconds; each stays on the screen until the next one."""

    points: list[Point] = field(default_factory=list)

    def at(self, seconds: float) -> Point | None:
        """What was on the screen then; None for nothing."""
        index = bisect_right([p.seconds for p in self.points], seconds)
        return self.points[index - 1] if index else None

    def dice(self, seconds: float) -> float:
        """Dice of what was on the screen then; 0 for nothing."""
        point = self.at(seconds)
        return point.dice if point else 0.0

    def area(self, until: float) -> float:
        """Area under Dice over time up to `until`, divided by it: the mean Dice over that time."""
        seen = [p for p in self.points if p.seconds < until]
        if not seen:
            return 0.0
        ends = [*(p.seconds for p in seen[1:]), until]
        total = sum(p.dice * (end - p.seconds) for p, end in zip(seen, ends, strict=True))
        return total / until

    def largest_fall(self, marks: Sequence[float]) -> float:
        """How far Dice falls at most from one mark to the next; 0 if it never does."""
        return max([0.0, *(a - b for a, b in pairwise(self.dice(m) for m in marks))])

    @property
    def first(self) -> float:
        """Seconds to the first prediction of the whole volume; NaN if there was none."""
        return next((p.seconds for p in self.points if p.covered == 1.0), NAN)


def sample_times(marks: Sequence[float]) -> list[float]:
    """When to look at a screen that changes all the time: at the marks, and ten times a decade."""
    end = max(marks)
    between = [round(10 ** (k / 10), 2) for k in range(-5, 60)]
    return sorted({*marks, *(t for t in between if t < end)})
