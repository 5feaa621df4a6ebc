"""A worker that gets no more memory."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.faults.memory import memory

from .conftest import assert_none_failed


@pytest.mark.skipif(
    not sys.platform.startswith("linux"),
    reason="only Linux lets a process be limited from outside",
)
def test_a_worker_without_memory_costs_no_stroke(tmp_path: Path) -> None:
    assert_none_failed(memory(tmp_path, 1), 1)
