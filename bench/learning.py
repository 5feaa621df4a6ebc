"""Dice that the simulated user reaches on the shared volumes, by the command line itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from bench.report import OUT, Figure, report
from bench.volumes import DATA


def simulate(name: str, seed: int, **options: float) -> dict:
    """One run of `napari-densify simulate`; what its run.json holds."""
    OUT.mkdir(exist_ok=True)
    out = OUT / f"{Path(name).name}-seed{seed}.json"
    files = [str(DATA / f"{name}_{kind}.nii.gz") for kind in ("image", "truth")]
    flags = [f"--{key}={value}" for key, value in options.items()]
    command = [sys.executable, "-m", "napari_densify.cli", "simulate", *files]
    subprocess.run([*command, "--out", str(out), f"--seed={seed}", *flags], check=True)
    return json.loads(out.read_text())


def learning(seeds: int = 1) -> None:
    """Print the Dice after each round; the bars are held against the worst seed."""
    if not DATA.is_dir():
        Console().print(f"No shared volumes at {DATA}: nothing to learn from.")
        return
    hippocampus = [
        simulate("hippocampus/hippocampus_004", s, slices=9, rounds=2, seconds=30)
        for s in range(seeds)
    ]
    nuclei = [simulate("nuclei/1135", s, slices=3, rounds=0, seconds=60) for s in range(seeds)]
    gains = [r["rounds"][-1]["dice_mean"] - r["rounds"][0]["dice_mean"] for r in hippocampus]
    last = [r["rounds"][-1]["dice_mean"] for r in hippocampus]
    once = [r["rounds"][0]["dice_mean"] for r in nuclei]
    first = [r["rounds"][0]["first_prediction_seconds"] for r in (*hippocampus, *nuclei)]
    figures = [
        Figure("hippocampus_004, 9 slices, last round: Dice", min(last), 0.60, at_least=True),
        Figure("hippocampus_004, last round above round 0", min(gains), 0.001, at_least=True),
        Figure("nuclei/1135, 3 slices, 60 s: Dice", min(once), 0.85, at_least=True),
        Figure("first prediction after first step, s", max(first), 10),
    ]
    report("learning", figures)
