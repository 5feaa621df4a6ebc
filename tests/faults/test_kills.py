"""kill -9 in the middle of a stroke, of a fold, of anything; the long form has 200."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.faults.kills import TARGETS, kills

from .conftest import assert_none_failed


@pytest.mark.timeout(900)  # six workers start, one after the other, on a machine that is shared
def test_no_kill_costs_a_stroke(tmp_path: Path) -> None:
    assert_none_failed(kills(tmp_path, 2 * len(TARGETS)), 2 * len(TARGETS))
