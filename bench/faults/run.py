"""All faults at full length, and the one table of how they ended."""

from __future__ import annotations

import json
import logging
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from bench.faults.clocks import clocks
from bench.faults.damage import damages
from bench.faults.full import full_disks
from bench.faults.kills import kills
from bench.faults.memory import memory
from bench.faults.pairs import pairs
from bench.faults.places import places
from bench.faults.power import power_cuts
from bench.faults.tally import Tally, table
from bench.report import OUT, wide_console

LENGTHS: dict[Callable[[Path, int, int], Tally], int] = {
    damages: 500,
    power_cuts: 1500,
    full_disks: 300,
    places: 60,
    pairs: 30,
    clocks: 10,
    memory: 4,
    kills: 200,
}
"""Cases of each kind."""


def faults(seed: int = 0) -> bool:
    """Try everything, print the table, and say whether nothing failed."""
    console, tallies = wide_console(), []
    # What is wrong is what is wanted here; it need not be said each time.
    logging.getLogger("napari_densify").addHandler(logging.NullHandler())
    for kind, count in LENGTHS.items():
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as place:
            tally = kind(Path(place), count, seed)
        tallies.append(tally)
        seconds = time.perf_counter() - start
        console.print(f"{tally.kind}: {tally.tried} cases in {seconds:.0f} s")
        for remark in tally.remarks:
            console.print(f"  {remark}", markup=False)
    console.print(table(tallies))
    OUT.mkdir(exist_ok=True)
    (OUT / "faults.json").write_text(json.dumps([asdict(t) for t in tallies], indent=2) + "\n")
    return not any(tally.failed for tally in tallies)
