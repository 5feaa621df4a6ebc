"""Dice over time of each method, a panel for each volume."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

from bench.trial import Result

mpl.use("Agg")
COLUMNS = 3


def draw(results: Sequence[Result], marks: Sequence[float], path: Path) -> None:
    """Steps, because a prediction stays on the screen until the next one; a line for each seed."""
    from matplotlib import pyplot as plt

    volumes = list(dict.fromkeys(r.volume for r in results))
    methods = sorted({r.method for r in results})
    colours = {m: f"C{i}" for i, m in enumerate(methods)}
    rows = -(-len(volumes) // COLUMNS)
    width = min(len(volumes), COLUMNS)
    figure, axes = plt.subplots(
        rows, width, squeeze=False, sharex=True, sharey=True, figsize=(4.5 * width, 3.2 * rows)
    )
    for panel in axes.flat[len(volumes) :]:
        panel.axis("off")
    for panel, volume in zip(axes.flat, volumes, strict=False):
        panel.set(title=volume, xlabel="seconds", ylabel="Dice", ylim=(0, 1), xscale="log")
        for result in (r for r in results if r.volume == volume and not r.failure):
            points = [p for p in result.curve.points if p.seconds <= max(marks)]
            times = [*(p.seconds for p in points), max(marks)]
            heights = [p.dice for p in points]
            label = result.method if result.seed == 0 else None
            colour = colours[result.method]
            panel.step(
                times,
                [*heights, *heights[-1:]] or [0],
                "-",
                where="post",
                color=colour,
                label=label,
            )
    axes.flat[0].legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
