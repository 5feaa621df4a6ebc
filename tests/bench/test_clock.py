"""The clock of the comparisons."""

from __future__ import annotations

import time

import pytest

from bench.clock import Clock


@pytest.mark.parametrize("free", [False, True])
def test_it_counts_only_while_it_runs(free: bool) -> None:
    clock = Clock(free)
    time.sleep(0.05)
    assert clock.seconds == 0
    clock.start()
    time.sleep(0.1)
    clock.stop()
    shown = clock.seconds
    time.sleep(0.05)
    assert clock.seconds == shown >= 0.09
    clock.start()
    time.sleep(0.1)
    assert clock.seconds >= shown + 0.09


def test_it_tells_how_many_cores_there_were() -> None:
    clock = Clock()
    clock.start()
    time.sleep(0.1)
    clock.stop()
    assert clock.cores < 0.5
