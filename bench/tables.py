"""The tables of a comparison; ratios and differences are always ours against the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean

from rich.table import Table

from bench.methods import OURS
from bench.trial import Result

RATES = {
    "train_voxels_per_second": "training, Mvoxel/s",
    "predict_voxels_per_second": "prediction, Mvoxel/s",
}


def mean(values: Sequence[float]) -> float:
    """Mean of the values that are known; NaN if none is."""
    known = [v for v in values if not math.isnan(v)]
    return fmean(known) if known else float("nan")


def ratio(ours: float, other: float) -> str:
    """`2.0×` if ours is twice the other; a dash where one of them is not known or nothing."""
    if math.isnan(ours) or math.isnan(other) or not other:
        return "–"
    return f"{ours / other:.1f}×" if ours / other < 100 else f"{ours / other:.0f}×"


def mark_table(volume: str, results: Sequence[Result], marks: Sequence[float]) -> Table:
    """Dice of each method at the marks on one volume, mean over the seeds.

    In brackets: how much of the other's time to the first result we take, and how many times its
    area under the curve we have. Surface Dice is that at the last mark.
    """
    table = Table("method", "first, s", title=volume)
    for mark in marks:
        table.add_column(f"{mark:g} s", justify="right")
    for name in ("surface", "area", "fall", "cores"):
        table.add_column(name, justify="right")
    by_method = _by_method(results)
    ours = by_method.get(OURS, [])
    first = mean([r.curve.first for r in ours])
    area = mean([r.curve.area(max(marks)) for r in ours])
    for name, runs in by_method.items():
        their_first = mean([r.curve.first for r in runs])
        their_area = mean([r.curve.area(max(marks)) for r in runs])
        other = name != OURS
        table.add_row(
            name,
            _number(their_first, 1) + (f" ({ratio(first, their_first)})" if other else ""),
            *(_number(mean([r.curve.dice(m) for r in runs])) for m in marks),
            _number(mean([_surface(r, max(marks)) for r in runs])),
            _number(their_area) + (f" ({ratio(area, their_area)})" if other else ""),
            _number(max(r.curve.largest_fall(marks) for r in runs)),
            _number(mean([r.facts.get("cores", float("nan")) for r in runs]), 2),
        )
    return table


def differences(results: Sequence[Result], marks: Sequence[float]) -> Table:
    """Our Dice minus theirs: the mean over all volumes, and the worst of them in brackets."""
    table = Table("ours minus", title="Dice, mean over the volumes (worst volume)")
    for mark in marks:
        table.add_column(f"{mark:g} s", justify="right")
    volumes = list(dict.fromkeys(r.volume for r in results))
    by_method = _by_method(results)
    for name in by_method:
        if name == OURS or OURS not in by_method:
            continue
        cells = []
        for mark in marks:
            gaps = [
                _dice(by_method[OURS], volume, mark) - _dice(by_method[name], volume, mark)
                for volume in volumes
            ]
            known = [g for g in gaps if not math.isnan(g)]
            cells.append(f"{fmean(known):+.3f} ({min(known):+.3f})" if known else "–")
        table.add_row(name, *cells)
    return table


def rate_table(results: Sequence[Result]) -> Table:
    """Throughput, share of the matrix-product peak, and memory; means over everything.

    The share is that of the network alone, in brackets with all that surrounds it.
    """
    table = Table("method", title="Throughput, mean over the volumes; ours against it in brackets")
    shares_of = ("share of peak, training (in all)", "prediction (in all)")
    for title in (*RATES.values(), *shares_of, "peak memory, MB"):
        table.add_column(title, justify="right")
    by_method = _by_method(results)

    def fact(name: str, key: str) -> float:
        runs = by_method.get(name, [])
        return mean([r.facts.get(key, float("nan")) for r in runs])

    for name in by_method:
        pace = [_number(fact(name, key) / 1e6, 2) + _against(fact, name, key) for key in RATES]
        shares = [
            f"{_number(fact(name, f'{kind}_share'), 2)} "
            f"({_number(fact(name, f'{kind}_share_in_all'), 2)})"
            for kind in ("train", "predict")
        ]
        table.add_row(name, *pace, *shares, _number(fact(name, "peak_memory_mb"), 0))
    return table


def _against(fact: Callable[[str, str], float], name: str, key: str) -> str:
    return "" if name == OURS else f" ({ratio(fact(OURS, key), fact(name, key))})"


def _by_method(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Runs of each method in the order of their names' first appearance, ours first."""
    methods = sorted({r.method for r in results}, key=lambda m: (m != OURS, m))
    return {m: [r for r in results if r.method == m] for m in methods}


def _dice(runs: Sequence[Result], volume: str, mark: float) -> float:
    return mean([r.curve.dice(mark) for r in runs if r.volume == volume and not r.failure])


def _surface(result: Result, mark: float) -> float:
    point = result.curve.at(mark)
    return point.surface if point else 0.0


def _number(value: float, digits: int = 3) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"
