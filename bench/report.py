"""A bar, what was measured, and whether it was reached."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

OUT = Path("bench-out")
WIDTH = 120


def wide_console() -> Console:
    """Wide enough for large tables where the output goes to a file."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


@dataclass(frozen=True)
class Figure:
    """One measured number and the bar it is held against."""

    what: str
    value: float
    bar: float
    at_least: bool = False

    @property
    def reached(self) -> bool:
        return self.value >= self.bar if self.at_least else self.value <= self.bar


def report(name: str, figures: list[Figure]) -> None:
    """Print the figures as a table and keep them as JSON under bench-out/."""
    table = Table("measured", "value", "bar", "reached", title=name)
    for f in figures:
        sign = "≥" if f.at_least else "≤"
        table.add_row(f.what, f"{f.value:.3f}", f"{sign} {f.bar:g}", "yes" if f.reached else "NO")
    Console().print(table)
    OUT.mkdir(exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps([asdict(f) for f in figures], indent=2) + "\n")
