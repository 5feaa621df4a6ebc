"""Learning from a sparse annotation in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.markup import escape

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.formats import read_labels, read_volume
from napari_densify.cases.place import check_target
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label, describe
from napari_densify.cases.volume import content_hash
from napari_densify.cli.checks import check_device
from napari_densify.cli.shared import Device, Image, Seconds, Seed, console, progress
from napari_densify.session.news import Phase
from napari_densify.session.session import Session
from napari_densify.session.worker import Settings


def train_command(
    image: Image,
    annotation: Annotated[
        Path,
        typer.Argument(help="Labels: 0 = not annotated, 1 = background, 2… = structures."),
    ],
    out: Annotated[Path, typer.Option(help="Project folder to write, NAME.densify.")],
    seconds: Seconds = 120,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Learn from a sparse annotation and write a project.

    Example: `napari-densify train ct.nii.gz painted.nii.gz --out ct.densify`
    """
    volume = read_volume(image)
    labels = read_labels(annotation, volume)
    classes = [int(k) for k in np.unique(labels) if k]
    _check_classes(classes, annotation)
    check_device(device)
    check_target(out)
    project = ProjectFolder(
        out,
        describe(volume, image, content_hash(volume)),
        [Label(label=k, name=_class_name(k)) for k in classes],
    )
    session = Session(volume, settings=Settings(device=device, seed=seed), project=project)
    session.paint(np.flatnonzero(labels), labels[labels > 0])
    session.train()
    with progress() as bar:
        task = bar.add_task("starting", total=seconds)
        for news in session.run():
            session.take(news)
            status = session.status
            bar.update(
                task,
                completed=min(status.train_seconds, seconds),
                description=f"{status.phase.value}, {status.steps} steps",
            )
            if session.training and status.train_seconds >= seconds:
                session.pause()
            if not session.training and status.phase == Phase.PAUSED and status.complete:
                session.stop()
    console.print(f"Wrote {escape(str(out))}")


def _check_classes(classes: list[int], path: Path) -> None:
    if not classes:
        raise Problem(f"{path.name} holds no annotation; paint at least two classes.")
    if len(classes) == 1:
        raise Problem(
            f"{path.name} holds only class {classes[0]}; paint a second one (1 is background)."
        )


def _class_name(label: int) -> str:
    return "background" if label == 1 else f"structure {label - 1}"
