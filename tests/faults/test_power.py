"""Power cuts: what was synced is there, and nothing else was relied upon."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bench.faults.crash import Disk
from bench.faults.power import power_cuts, record
from napari_densify.cases import disk

from .conftest import assert_none_failed


def test_no_power_cut_costs_a_stroke(tmp_path: Path) -> None:
    assert_none_failed(power_cuts(tmp_path, 110), 110)


def test_every_change_goes_through_what_is_recorded(tmp_path: Path) -> None:
    """Or the cases above would be about something else than what is on the disk."""
    played = Disk()
    for entry in record(tmp_path / "a.densify", seed=1).log:
        played.replay(entry)
    real = {str(f): None if f.is_dir() else f.read_bytes() for f in tmp_path.rglob("*")}
    assert played.after("everything", np.random.default_rng(0)) == real


@pytest.mark.parametrize("missing", ["_sync", "sync_folder"])
def test_what_is_not_synced_is_seen_to_be_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setattr(disk, missing, lambda what: None)
    assert power_cuts(tmp_path, 60).failed


def test_what_is_replaced_by_a_bare_write_is_seen_to_be_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bare(file: Path, content: bytes) -> None:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.write(descriptor, content)
        os.fsync(descriptor)
        os.close(descriptor)

    monkeypatch.setattr(disk, "replace", bare)
    assert power_cuts(tmp_path, 60).failed
