"""Logs and data of the processes that are started here stay here."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.faults.tally import Tally


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path_factory.mktemp("home")
    for name in ("XDG_STATE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(place))
    return place


def assert_none_failed(tally: Tally, least: int) -> None:
    """No stroke lost, no wrong open, no crash, and as many cases as there were to be."""
    assert not tally.failed, "\n".join(tally.remarks)
    assert tally.tried >= least
