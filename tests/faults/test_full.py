"""A full disk, a quota, a folder that may not be written."""

from __future__ import annotations

from pathlib import Path

from bench.faults.full import full_disks

from .conftest import assert_none_failed


def test_no_full_disk_costs_a_stroke_that_counted(tmp_path: Path) -> None:
    assert_none_failed(full_disks(tmp_path, 18), 18)
