"""What the commands share: their words for arguments, how they speak, the progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

console = Console(stderr=True)

ProjectPath = Annotated[Path, typer.Argument(help="Project folder, NAME.densify.")]
Image = Annotated[
    Path, typer.Argument(help="NIfTI, NRRD, MHA, DICOM, TIFF, OME-Zarr or npy volume.")
]
Seconds = Annotated[float, typer.Option(min=0.1, help="How long to train at most.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Seed = Annotated[int, typer.Option(help="Same seed, same slices and starting weights.")]


def say(sentence: str, about: str = "") -> None:
    """Say something on stderr as it stands: no name is taken for markup, no path is broken up.

    Parameters
    ----------
    sentence : str
    about : str
        What it is about; in bold before it.
    """
    before = f"[bold]{escape(about)}:[/bold] " if about else ""
    console.print(f"{before}{escape(sentence)}", highlight=False, soft_wrap=True)


@contextmanager
def progress() -> Iterator[Progress]:
    """Show a bar on stderr while the work goes on."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        yield bar
