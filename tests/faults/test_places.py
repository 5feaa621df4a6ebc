"""Folders that are read-only, vanish, or come back."""

from __future__ import annotations

from pathlib import Path

from bench.faults.places import places

from .conftest import assert_none_failed


def test_a_folder_that_cannot_be_written_costs_no_stroke(tmp_path: Path) -> None:
    assert_none_failed(places(tmp_path, 8), 8)
