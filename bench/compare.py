"""Ours and the peers side by side: `python -m bench.compare --help`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.clock import can_be_free
from bench.lane import Method, Options
from bench.methods import METHODS, find
from bench.report import OUT, wide_console
from bench.results import write
from bench.tables import differences, mark_table, rate_table
from bench.trial import Result, trial
from bench.volumes import GROUPS, tasks
from napari_densify.cases.problem import Problem

MARKS = "5,10,20,30,60,120"


def compare(
    volumes: Annotated[
        str, typer.Option(help=f"Comma-separated: {', '.join([*GROUPS, *GROUPS['all']])}.")
    ] = "all",
    methods: Annotated[str, typer.Option(help="Comma-separated; who takes part.")] = ",".join(
        METHODS
    ),
    marks: Annotated[str, typer.Option(help="Seconds at which to compare.")] = MARKS,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each volume.")] = 3,
    slices: Annotated[int, typer.Option(min=1, help="Orthogonal slices that are painted.")] = 3,
    threads: Annotated[int, typer.Option(min=0, help="Of every method; 0 for all cores.")] = 0,
    device: Annotated[str, typer.Option(help="Of the networks: cpu or cuda.")] = "cpu",
    surface: Annotated[bool, typer.Option(help="Measure surface Dice at the marks.")] = True,
    rates: Annotated[bool, typer.Option(help="Measure throughput after the last mark.")] = True,
    clock: Annotated[
        str,
        typer.Option(help="wall, or free: without the time spent waiting for a core others had."),
    ] = "wall",
    out: Annotated[Path, typer.Option(help="JSON to write; the plot goes beside it.")] = OUT
    / "compare.json",
) -> None:
    """Paint slices of real volumes; see who has the better segmentation when.

    All methods get the same slices, seeds and threads. They take turns from mark to mark, each
    in a process of its own whose clock stands still meanwhile; nothing is scored on a clock. The
    clock runs from "slices painted, worker up" on.

    Example: python -m bench.compare --volumes hippocampus_004,nuclei --marks 5,10,30 --seeds 1
    """
    console = wide_console()
    free = _is_free(clock, console)
    threads = threads or _cores()
    # Inherited by the methods' processes; see session/worker.py for the policy.
    os.environ |= {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"}
    seconds = tuple(sorted(float(m) for m in marks.split(",")))
    taking_part = _taking_part(methods.split(","), console)
    surface = surface and _can_measure_surfaces(console)
    results: list[Result] = []
    out.parent.mkdir(parents=True, exist_ok=True)
    for task in tasks(volumes.split(","), slices, console):
        of_volume: list[Result] = []
        for seed in range(seeds):
            options = Options(threads, device, seed, seconds, rates, free)
            with console.status("") as status:
                of_volume += trial(task, taking_part, options, status.update, surface)
        results += of_volume
        # After each volume: a long run that is cut off has lost little.
        write(out, results, Options(threads, device, seeds, seconds, rates, free), slices)
        for result in of_volume:
            if result.failure:
                last = result.failure.strip().splitlines()[-1]
                console.print(f"{result.method} failed on {task.name}: {last}", highlight=False)
        console.print(mark_table(task.name, of_volume, seconds))
    if not results:
        return
    console.print(differences(results, seconds))
    console.print(rate_table(results))
    console.print(f"Wrote {out}{_draw(results, seconds, out.with_suffix('.png'), console)}")


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _is_free(clock: str, console: Console) -> bool:
    if clock not in ("wall", "free"):
        raise Problem(f"There is no clock “{clock}”; choose wall or free.")
    if clock == "free" and not can_be_free():
        console.print("This system does not tell waiting from working: the wall clock it is.")
    return clock == "free"


def _taking_part(names: list[str], console: Console) -> dict[str, Method]:
    found: dict[str, Method] = {}
    for name in names:
        try:
            found[name] = find(name)
        except Problem as problem:
            if name not in METHODS:
                raise
            console.print(f"{problem}", highlight=False)
    if not found:
        raise Problem("There is no method left to measure.")
    return found


def _can_measure_surfaces(console: Console) -> bool:
    try:
        import monai.metrics  # noqa: F401
    except ModuleNotFoundError:
        console.print("No surface Dice: it needs monai; `make bench` installs that.")
        return False
    return True


def _draw(results: list[Result], marks: tuple[float, ...], path: Path, console: Console) -> str:
    try:
        from bench.plot import draw
    except ModuleNotFoundError:
        console.print("No plot: it needs matplotlib; `make bench` installs that.")
        return ""
    draw(results, marks, path)
    return f" and {path}"


def main() -> None:
    """Run the command line; a wrong option is one sentence and exit status 2."""
    try:
        typer.run(compare)
    except Problem as problem:
        Console(stderr=True).print(str(problem), highlight=False)
        sys.exit(2)


if __name__ == "__main__":
    main()
