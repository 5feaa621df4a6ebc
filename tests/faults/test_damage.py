"""Cut files and flipped bits; the long form has 500."""

from __future__ import annotations

from pathlib import Path

from bench.faults.damage import damages

from .conftest import assert_none_failed


def test_damage_is_told_or_does_no_harm(tmp_path: Path) -> None:
    tally = damages(tmp_path, 56)
    assert_none_failed(tally, 50)
    assert 0 < tally.refused < tally.tried
