"""Run the measurements."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.learning import learning
from bench.window import window


def main(
    only: Annotated[str, typer.Option(help="learning or window; both by default.")] = "",
    seeds: Annotated[int, typer.Option(help="Runs of each volume.")] = 1,
) -> None:
    """Measure what the README promises and print it beside the bars."""
    if only in ("", "window"):
        window()
    if only in ("", "learning"):
        learning(seeds)


if __name__ == "__main__":
    typer.run(main)
