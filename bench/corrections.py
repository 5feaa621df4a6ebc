"""What correcting is worth, and weighting the corrections: `python -m bench.corrections`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.effort import SCORES, effort_rows, effort_table, rounds_table
from bench.report import OUT, wide_console
from bench.rounds import ARMS, DEFAULT, chosen, play
from bench.volumes import tasks
from napari_densify.cases.problem import Problem
from napari_densify.session.link import Settings

# Threads that spin while they wait take a shared machine's cores from each other.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def corrections(
    volumes: Annotated[str, typer.Option(help="Names or groups, with commas between.")] = "all",
    arms: Annotated[str, typer.Option(help=f"Some of {','.join(ARMS)}.")] = ",".join(DEFAULT),
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each arm.")] = 3,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds after the first slices.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.1, help="Training in each round.")] = 20,
    steps: Annotated[
        int, typer.Option(min=0, help="End a round after so many training steps instead.")
    ] = 0,
    slices: Annotated[int, typer.Option(min=1, help="Slices painted at first.")] = 3,
    threads: Annotated[int, typer.Option(min=0, help="Of torch; 0 for its default.")] = 0,
    out: Annotated[Path, typer.Option(help="Where the JSON goes.")] = OUT / "corrections.json",
) -> None:
    """Let the robot correct, with and without weights of edits, and against whole slices.

    With --steps the figures do not depend on what else the machine does.
    """
    console = wide_console()
    wanted = chosen(arms, ARMS)
    import torch

    if threads:
        torch.set_num_threads(threads)
    settings = {"rounds": rounds, "slices": slices, "threads": torch.get_num_threads()}
    settings |= {"steps": steps} if steps else {"seconds": seconds}
    trials: list[dict[str, Any]] = []
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        for task in tasks(volumes.split(","), slices, console):
            for seed in range(seeds):
                # Another arm begins with every seed: a busy half hour meets all of them.
                for name in (wanted[(seed + i) % len(wanted)] for i in range(len(wanted))):
                    how = Settings(device="cpu", seed=seed)
                    booked = play(task, ARMS[name], how, rounds, seconds, steps)
                    trials.append(
                        {"volume": task.name, "arm": name, "seed": seed, "rounds": booked}
                    )
                    line = f"{task.name}, {name}, seed {seed}: {_in_short(booked)}"
                    console.print(line, soft_wrap=True)
                    # Written again and again: stopped after an hour, it leaves an hour's results.
                    result = {**settings, "trials": trials, "effort": efforts(trials)}
                    out.write_text(json.dumps(result, indent=2) + "\n")
            console.print(rounds_table(task.name, [t for t in trials if t["volume"] == task.name]))
    except Problem as problem:
        raise typer.BadParameter(str(problem)) from problem
    for score, rows in efforts(trials).items():
        if rows:
            console.print(effort_table(rows, score))
    console.print(f"Wrote {out}", soft_wrap=True)


def efforts(trials: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """What it takes to the same Dice, by either of the scores."""
    return {score: effort_rows(trials, score) for score in SCORES}


def _in_short(rounds: list[dict[str, Any]]) -> str:
    dice = " ".join(f"{r['dice_mean']:.3f}" for r in rounds)
    return f"Dice {dice}, {rounds[-1]['painted_voxels']:,} voxels, {rounds[-1]['steps']} steps"


if __name__ == "__main__":
    typer.run(corrections)
