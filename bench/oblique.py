"""How fast an oblique plane follows: its picture of the image, of labels, a stroke on it."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import numpy as np

from bench.clock import Clock
from bench.report import Figure, report
from napari_densify.cases.digital_plane import DigitalPlane
from napari_densify.cases.oblique import ObliquePlane

SIDE = 512
ANGLES = [(0, 0), (20, 10), (45, 0), (45, 35), (-30, 60), (80, -70)]
OFFSETS = (0.0, 11.3, -40.7)
BRUSH = 32
BAR = 50.0


def oblique() -> None:
    """Cut a volume of 512³ voxels whole at many angles; times are of a machine that is free."""
    shape = (SIDE, SIDE, SIDE)
    image = np.random.default_rng(0).integers(0, 4000, shape, np.uint16)
    labels = (image > 2000).astype(np.uint8)
    times: dict[str, list[float]] = {}
    for offset in OFFSETS:
        for tilt, turn in ANGLES:
            digital = DigitalPlane(ObliquePlane(tilt, turn, offset), shape, (1, 1, 1))
            mapped = _milliseconds(lambda plane=digital: plane.nearest)
            drawn = _milliseconds(lambda plane=digital: plane.reslice(image))
            share = SIDE**2 / np.count_nonzero(digital.nearest >= 0)
            brush = np.zeros(digital.size, bool)
            middle = tuple(slice(n // 2 - BRUSH // 2, n // 2 + BRUSH // 2) for n in digital.size)
            brush[middle] = True
            for what, value in (
                ("image, whole plane", mapped + drawn),
                ("image, 512² pixels of it", (mapped + drawn) * share),
                ("labels, whole plane", _milliseconds(lambda p=digital: p.take(labels))),
                ("stroke of 32² pixels", _milliseconds(lambda p=digital, b=brush: p.voxels(b))),
            ):
                times.setdefault(what, []).append(value)
    figures = []
    for what, values in times.items():
        figures.append(Figure(f"{what}, median, ms", statistics.median(values), BAR))
        figures.append(Figure(f"{what}, slowest, ms", max(values), BAR))
    report("oblique", figures)


def _milliseconds(act: Callable[[], object]) -> float:
    clock = Clock(free=True)
    clock.start()
    act()
    clock.stop()
    return 1000 * clock.seconds
