"""What it takes to the same Dice, and how the rounds went: tables of what was played."""

from __future__ import annotations

from itertools import pairwise
from math import exp, log
from statistics import mean
from typing import Any

from rich.table import Table

Points = list[tuple[float, float]]
"""Voxels painted by hand and Dice, a round after the other."""
NOT_REACHED = "–"
SCORES = {"dice_mean": "where nothing was annotated", "dice_whole": "everywhere"}
"""The two Dice of a round; the first leaves out what was corrected, and that is what was hard."""


def voxels_to(points: Points, dice: float) -> float | None:
    """Painted voxels that it takes to a Dice, between rounds on a logarithmic scale.

    Returns
    -------
    float or None
        None if that Dice is not reached.
    """
    if points and points[0][1] >= dice:
        return points[0][0]
    for (few, low), (many, high) in pairwise(points):
        if high >= dice > low:
            return exp(log(few) + (dice - low) / (high - low) * log(many / few))
    return None


def rounds_table(volume: str, trials: list[dict[str, Any]]) -> Table:
    """Dice and voxels painted by hand of every round: mean and range over the seeds."""
    names = list(dict.fromkeys(t["arm"] for t in trials))
    title = f"{volume}: Dice where nothing was annotated / everywhere, voxels painted"
    table = Table("round", title=title)
    for name in names:
        table.add_column(name, justify="right")
    for round_ in range(max(len(t["rounds"]) for t in trials)):
        cells = []
        for name in names:
            booked = [t["rounds"][round_] for t in trials if t["arm"] == name]
            voxels = mean(r["painted_voxels"] for r in booked)
            scores = " / ".join(_spread([r[key] for r in booked]) for key in SCORES)
            cells.append(f"{scores}, {voxels:,.0f}")
        table.add_row(str(round_), *cells)
    return table


def effort_rows(trials: list[dict[str, Any]], score: str) -> list[dict[str, Any]]:
    """Weighted corrections against every other arm, at the same Dice.

    Parameters
    ----------
    trials : list of dicts
    score : str
        Which of `SCORES`.

    Returns
    -------
    list of dicts
        For each volume: `dice`, the last one of weights-on (mean over the seeds), and of each seed
        `whole_slices`, painted voxels of the whole slices at that Dice over those of the
        corrections (where that Dice is not reached, `at_least`, those that were painted, is less
        than it takes), and `edits`, for every other arm the voxels corrected after the first slices
        with weights, over those without, at the last Dice of the arm that got less far; above 1
        the weights cost more. None where a Dice is not reached.
    """
    rows = []
    for volume in dict.fromkeys(t["volume"] for t in trials):
        points: dict[str, dict[int, Points]] = {}
        for t in trials:
            if t["volume"] == volume:
                curve = [(r["painted_voxels"], r[score]) for r in t["rounds"]]
                points.setdefault(t["arm"], {})[t["seed"]] = curve
        ours = points.pop("weights-on", {})
        if not ours:
            continue
        slices = points.pop("whole-slices", {})
        edits = {
            arm: [_edits_ratio(ours[seed], curve) for seed, curve in curves.items() if seed in ours]
            for arm, curves in points.items()
        }
        rows.append(
            {
                "volume": volume,
                "dice": mean(p[-1][1] for p in ours.values()),
                "whole_slices": [
                    _over(voxels_to(curve, ours[seed][-1][1]), ours[seed][-1][0])
                    for seed, curve in slices.items()
                    if seed in ours
                ],
                "at_least": [
                    curve[-1][0] / ours[seed][-1][0]
                    for seed, curve in slices.items()
                    if seed in ours
                ],
                "edits": edits,
            }
        )
    return rows


def effort_table(rows: list[dict[str, Any]], score: str) -> Table:
    """`effort_rows` for people: means over the seeds; – or a bound where a seed got not there."""
    arms = list(dict.fromkeys(arm for row in rows for arm in row["edits"]))
    title = f"What it takes to the same Dice {SCORES[score]}"
    table = Table("volume", "last Dice", "whole slices' voxels / ours", title=title)
    for arm in arms:
        table.add_column(f"voxels corrected, weights-on / {arm}", justify="right")
    for row in rows:
        edits = [_mean(row["edits"].get(arm, [])) for arm in arms]
        slices = _mean(row["whole_slices"])
        if slices == NOT_REACHED and row["at_least"]:
            pairs = zip(row["whole_slices"], row["at_least"], strict=True)
            slices = f"> {mean(least if known is None else known for known, least in pairs):.2f}"
        table.add_row(row["volume"], f"{row['dice']:.3f}", slices, *edits)
    return table


def _edits_ratio(on: Points, off: Points) -> float | None:
    dice = min(on[-1][1], off[-1][1])
    with_weights, without = (voxels_to(points, dice) for points in (on, off))
    if with_weights is None or without is None:
        return None
    return _over(with_weights - on[0][0], without - off[0][0])


def _over(a: float | None, b: float) -> float | None:
    return a / b if a is not None and b else None


def _spread(values: list[float]) -> str:
    spread = f" ({min(values):.3f}…{max(values):.3f})" if len(values) > 1 else ""
    return f"{mean(values):.3f}{spread}"


def _mean(values: list[float | None]) -> str:
    known = [v for v in values if v is not None]
    return f"{mean(known):.2f}" if known and len(known) == len(values) else NOT_REACHED
