"""The table that a simulated user's run ends with."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table


def print_rounds(run: dict[str, object]) -> None:
    """The table a run ends with: round, annotated slices, Dice per class, seconds."""
    rounds = run["rounds"]
    assert isinstance(rounds, list)
    table = Table("round", "annotated slices", title=escape(str(run["image"])))
    for label in rounds[0]["dice"]:
        table.add_column(f"Dice {label}", justify="right")
    table.add_column("mean", justify="right")
    table.add_column("seconds", justify="right")
    for r in rounds:
        each = [f"{d:.3f}" for d in r["dice"].values()]
        table.add_row(
            str(r["round"]),
            str(r["annotated_slices"]),
            *each,
            f"{r['dice_mean']:.3f}",
            f"{r['wall_seconds']:.1f}",
        )
    Console().print(table)
