"""kill -9 in the middle of a stroke, of a fold, of anything; the long form has 200."""

from __future__ import annotations

from pathlib import Path

from bench.faults.kills import TARGETS, kills

from .conftest import assert_none_failed


def test_no_kill_costs_a_stroke(tmp_path: Path) -> None:
    assert_none_failed(kills(tmp_path, 2 * len(TARGETS)), 2 * len(TARGETS))
