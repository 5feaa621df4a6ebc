"""Learning from a sparse annotation in a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.formats import read_labels, read_volume
from napari_densify.cases.model import read_model
from napari_densify.cases.place import case_with, check_target, place_in
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import ImageReference, Label, describe
from napari_densify.cases.volume import Volume, content_hash, notes_on_values
from napari_densify.cli.case import find_image
from napari_densify.cli.checks import check_device
from napari_densify.cli.shared import Device, Image, ProjectPath, Seconds, Seed, progress, say
from napari_densify.session.link import Settings
from napari_densify.session.news import Phase
from napari_densify.session.others import read_others
from napari_densify.session.session import Session

Painted = Annotated[
    Path, typer.Argument(help="Labels: 0 = not annotated, 1 = background, 2… = structures.")
]


def train_command(
    image: Image,
    annotation: Painted,
    out: Annotated[Path, typer.Option(help="Project folder to write, NAME.densify.")],
    model: Annotated[
        Path | None, typer.Option(help="Model file to begin with, NAME.safetensors.")
    ] = None,
    seconds: Seconds = 120,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Learn from a sparse annotation and write a project.

    Example: `napari-densify train ct.nii.gz painted.nii.gz --out ct.densify`
    """
    volume = read_volume(image)
    for note in notes_on_values(volume):
        say(note)
    labels, classes = _read_annotation(annotation, volume)
    check_device(device)
    check_target(out)
    settings, known, weights = Settings(device=device, seed=seed), {}, None
    if model is not None:
        card, weights = read_model(model)
        card.check_image(volume)
        settings = replace(settings, widths=card.widths, spacing=card.spacing)
        known = {row.label: row for row in card.classes}
    rows = [known.get(k, Label(label=k, name=_class_name(k))) for k in sorted({*known, *classes})]
    project = ProjectFolder(out, describe(volume, image, content_hash(volume)), rows)
    session = Session(volume, known, settings, model=weights, project=project)
    session.noticed.connect(say)
    _learn(session, labels, seconds)
    say(f"Wrote {out}")


def add_command(
    project: ProjectPath,
    image: Image,
    annotation: Painted,
    seconds: Seconds = 120,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Add a case to a project: its network learns from the annotation of all its cases.

    Example: `napari-densify add ct.densify next.nii.gz next_painted.nii.gz`
    """
    volume = read_volume(image)
    labels, _ = _read_annotation(annotation, volume)
    check_device(device)
    content = content_hash(volume)
    there = case_with(project, content)
    if there is not None:
        raise Problem(f"{image.name} is a case of {project.name} already ({there.name}).")
    path = place_in(project, image.absolute(), content)
    case = ProjectFolder(path, describe(volume, image, content))
    others, notes = read_others(case, _image_of)
    for note in notes:
        say(note)
    settings = Settings(device=device, seed=seed)
    _learn(Session(volume, settings=settings, project=case, others=others), labels, seconds)
    say(f"Added {path}")


def _learn(session: Session, labels: NDArray[np.uint8], seconds: float) -> None:
    """Paint, learn for so long, predict everything."""
    session.paint(np.flatnonzero(labels), labels[labels > 0])
    session.train()
    end: float | None = None
    with progress() as bar:
        task = bar.add_task("starting", total=seconds)
        for news in session.run():
            session.take(news)
            status = session.status
            if end is None and status.phase in (Phase.TRAINING, Phase.PREDICTING):
                end = status.train_seconds + seconds  # a project's network has learned before
            left = seconds if end is None else max(end - status.train_seconds, 0.0)
            bar.update(
                task,
                completed=seconds - left,
                description=f"{status.phase.value}, {status.steps} steps",
            )
            enough = not left or status.phase == Phase.LEARNED
            if session.training and end is not None and enough:
                session.pause()
            if not session.training and status.phase == Phase.PAUSED and status.complete:
                session.stop()


def _image_of(home: Path, image: ImageReference) -> Volume | None:
    found = find_image(home, image)
    return found[0] if found is not None else None


def _read_annotation(file: Path, volume: Volume) -> tuple[NDArray[np.uint8], list[int]]:
    labels = read_labels(file, volume)
    classes = [int(k) for k in np.unique(labels) if k]
    _check_classes(classes, file)
    return labels, classes


def _check_classes(classes: list[int], path: Path) -> None:
    if not classes:
        raise Problem(f"{path.name} holds no annotation; paint at least two classes.")
    if len(classes) == 1:
        raise Problem(
            f"{path.name} holds only class {classes[0]}; paint a second one (1 is background)."
        )


def _class_name(label: int) -> str:
    return "background" if label == 1 else f"structure {label - 1}"
