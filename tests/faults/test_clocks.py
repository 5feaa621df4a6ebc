"""A clock that is set back."""

from __future__ import annotations

from pathlib import Path

from bench.faults.clocks import clocks

from .conftest import assert_none_failed


def test_nothing_relies_on_the_clock(tmp_path: Path) -> None:
    assert_none_failed(clocks(tmp_path, 2), 2)
