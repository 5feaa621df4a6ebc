"""Run the measurements."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.compare import compare
from bench.cost import cost
from bench.faults.run import faults
from bench.learning import learning
from bench.next_case import next_case
from bench.oblique import oblique
from bench.smooth import smooth
from bench.surgery import surgery
from bench.window import window

PARTS = (
    "window",
    "large",
    "smooth",
    "surgery",
    "oblique",
    "learning",
    "next-case",
    "cost",
    "faults",
    "compare",
    "corrections",
    "suggestions",
)
SHORT = "hippocampus_004,nuclei"
"""Volumes of the short comparison; `make bench-full` takes all of them."""


def main(
    only: Annotated[str, typer.Option(help=f"{', '.join(PARTS)}; all by default.")] = "",
    seeds: Annotated[int, typer.Option(help="Runs of each volume.")] = 1,
) -> None:
    """Measure what the README promises and print it beside the bars; fails if a stroke was lost.

    The comparison, the correction rounds and the suggestions are short here; at full length they
    are `python -m bench.compare`, `python -m bench.corrections` and `python -m bench.suggestions`.
    """
    if only not in ("", *PARTS):
        raise typer.BadParameter(f"there is no part “{only}”; choose from {', '.join(PARTS)}")
    if only in ("", "window"):
        window()
    if only in ("", "large"):
        window(large=True)
    if only in ("", "smooth"):
        smooth()
    if only in ("", "surgery"):
        surgery()
    if only in ("", "oblique"):
        oblique()
    if only in ("", "learning"):
        learning(seeds)
    if only in ("", "next-case"):
        next_case(seeds=seeds)
    if only in ("", "cost"):
        cost()
    unharmed = only not in ("", "faults") or faults()
    if only in ("", "compare"):
        compare(volumes=SHORT, marks="5,10,20,30", seeds=seeds)
    # These import torch; a window's process has none, so it has none while windows are measured.
    if only in ("", "corrections"):
        from bench.corrections import corrections

        corrections(volumes="hippocampus_004", rounds=3, steps=60, seeds=seeds)
    if only in ("", "suggestions"):
        from bench.suggestions import suggestions

        suggestions(volumes="hippocampus_004", rounds=4, steps=20, seeds=seeds)
    if not unharmed:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
