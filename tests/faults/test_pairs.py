"""Two windows on one project."""

from __future__ import annotations

from pathlib import Path

from bench.faults.pairs import pairs

from .conftest import assert_none_failed


def test_one_writes_and_the_other_reads_what_was_there(tmp_path: Path) -> None:
    assert_none_failed(pairs(tmp_path, 6), 8)
