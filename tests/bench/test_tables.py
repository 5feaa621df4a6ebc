"""What the tables of a comparison say."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from bench.curve import Curve, Point
from bench.lane import Options
from bench.results import write
from bench.tables import differences, mark_table, mean, rate_table, ratio
from bench.trial import Result

MARKS = (5.0, 10.0)


@pytest.fixture
def results() -> list[Result]:
    """Ours slower at first but better in the end, on one volume."""
    slow = Curve([Point(4, 0.3), Point(8, 0.8, surface=0.9)])
    quick = Curve([Point(2, 0.6, surface=0.7)])
    speed = {"train_voxels_per_second": 2e6}
    return [
        Result("nuclei", "forest", 0, quick),
        Result("nuclei", "ours", 0, slow, speed),
        Result("nuclei", "broken", 0, failure="out of memory"),
    ]


def text(table: Table) -> str:
    """The table as it is printed."""
    console = Console(file=io.StringIO(), width=200)
    console.print(table)
    printed: str = console.file.getvalue()  # type: ignore[attr-defined]
    return printed


def test_ratios_are_ours_against_the_other(results: list[Result]) -> None:
    row = next(
        line for line in text(mark_table("nuclei", results, MARKS)).splitlines() if "forest" in line
    )
    assert "2.0×" in row  # we take twice as long
    assert row.count("0.600") == 2


def test_differences_leave_out_who_failed(results: list[Result]) -> None:
    printed = text(differences(results, MARKS))
    assert "-0.300" in printed
    assert "+0.200" in printed
    assert next(line for line in printed.splitlines() if "broken" in line).count("–") == 2


def test_what_was_not_measured_is_a_dash(results: list[Result]) -> None:
    assert ratio(1.0, float("nan")) == ratio(1.0, 0.0) == "–"
    assert math.isnan(mean([float("nan")]))
    assert "2.00" in text(rate_table(results))


def test_json_holds_curve_and_marks(results: list[Result], tmp_path: Path) -> None:
    path = tmp_path / "compare.json"
    write(path, results, Options(2, "cpu", 1, MARKS), slices=3)
    ours = json.loads(path.read_text())["results"][1]
    assert ours["dice"] == {"5": 0.3, "10": 0.8}
    assert ours["surface_dice"] == {"5": None, "10": 0.9}
    assert [p["seconds"] for p in ours["curve"]] == [4, 8]
