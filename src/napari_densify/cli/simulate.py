"""The simulated user, without a window."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from napari_densify.cases.export import as_structures
from napari_densify.cases.formats import check_ending, read_labels, read_volume, write_volume
from napari_densify.cases.spared import check_spares
from napari_densify.cli.checks import check_file_target
from napari_densify.cli.rounds import print_rounds
from napari_densify.cli.shared import Device, Image, Seed, progress
from napari_densify.session.link import Settings
from napari_densify.session.news import Status
from napari_densify.session.session import Session
from napari_densify.session.simulate import Simulation, simulate


def simulate_command(
    image: Image,
    truth: Annotated[Path, typer.Argument(help="Labels: 0 = background, 1… = structures.")],
    out: Annotated[Path, typer.Option(help="Where to write run.json.")],
    slices: Annotated[int, typer.Option(min=1, help="Slices painted in round 0.")] = 3,
    rounds: Annotated[int, typer.Option(min=0, help="Correction rounds after it.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.1, help="Training in each round.")] = 20,
    seed: Seed = 0,
    device: Device = "auto",
    save_prediction: Annotated[
        Path | None, typer.Option(help="Also write the last prediction there.")
    ] = None,
) -> None:
    """Let a simulated user paint slices and correct the worst one, and keep score.

    Example: `napari-densify simulate brain.nii.gz tissue.nii.gz --out run.json --rounds 2`
    """
    volume = read_volume(image)
    labels = read_labels(truth, volume)
    check_file_target(out)
    check_spares([out], [image, truth])
    if save_prediction:
        check_ending(save_prediction)
        check_file_target(save_prediction)
        check_spares([save_prediction], [image, truth])
    session = Session(volume, settings=Settings(device=device, seed=seed))
    simulation = Simulation(labels, session, slices, seconds)
    session.orders.require(simulation.robot.classes)
    with progress() as bar:
        task = bar.add_task("starting", total=(rounds + 1) * seconds)

        def watch(round_: int, status: Status) -> None:
            bar.update(
                task,
                completed=min(status.train_seconds, (rounds + 1) * seconds),
                description=f"round {round_}: {status.phase.value}, {status.steps} steps",
            )

        run = simulate(simulation, rounds, watch)
    out.write_text(json.dumps(run.as_dict(), indent=2) + "\n")
    if save_prediction:
        write_volume(save_prediction, volume.like(as_structures(session.prediction)))
    print_rounds(run.as_dict())
