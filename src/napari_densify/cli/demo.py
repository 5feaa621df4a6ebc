"""The demonstration in a window."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_densify.cli.rounds import print_rounds


def demo_command(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("demo-out"),
    headless: Annotated[
        bool, typer.Option("--headless", help="Close the window at the end.")
    ] = False,
) -> None:
    """Watch a simulated user segment a real brain in a napari window.

    Example: `napari-densify demo --out demo-out`
    """
    from napari_densify.ui.demo import ensure_display, run_demo

    virtual = ensure_display(headless)
    run_demo(out, stay=not virtual and not headless, done=print_rounds)
