"""Learning from a sparse annotation in a file."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.formats import read_labels, read_volume
from napari_densify.cases.labels import default_name
from napari_densify.cases.model import read_model
from napari_densify.cases.place import case_with, check_target, place_in
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label
from napari_densify.cases.reference import ImageReference, describe
from napari_densify.cases.volume import Volume, content_hash, notes_on_values
from napari_densify.cli.case import CaseImages, check_images, find_among
from napari_densify.cli.checks import check_device
from napari_densify.cli.shared import Device, Image, ProjectPath, Seconds, Seed, progress, say
from napari_densify.session import loop
from napari_densify.session.link import Settings
from napari_densify.session.news import Phase
from napari_densify.session.others import read_others
from napari_densify.session.session import Session

BUSY = (Phase.TRAINING, Phase.PREDICTING, Phase.LEARNED)
"""Where time counts; a project that goes on may have learned everything already."""
INTERRUPTED = 128 + signal.SIGINT
"""Exit status of a command that Ctrl-C has ended, as shells have it."""

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
    content = content_hash(volume)
    if (out / "project.json").is_file() and case_with(out, content):
        further = _further(out, image, annotation)
        raise Problem(f"{out} exists already: `{further}` goes on with it, or choose another name.")
    check_target(out)
    settings, known, weights = Settings(device=device, seed=seed), {}, None
    if model is not None:
        card, weights = read_model(model)
        card.check_image(volume)
        settings = replace(settings, widths=card.widths, voxels=card.voxels)
        known = {row.label: row for row in card.classes}
    rows = sorted([*known.values(), *_new_rows(known, classes)], key=lambda row: row.label)
    project = ProjectFolder(out, describe(volume, image, content), rows)
    session = Session(volume, known, settings, model=weights, project=project)
    session.noticed.connect(say)
    if not _learn(session, labels, seconds):
        raise _interrupted(out, image, annotation)
    say(f"Wrote {out}")


def add_command(
    project: ProjectPath,
    image: Image,
    annotation: Painted,
    images: CaseImages = None,
    seconds: Seconds = 120,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Add a case to a project: its network learns from the annotation of all its cases.

    If the image is a case of it already, the annotation is painted over what is painted there, and
    learning goes on.

    Example: `napari-densify add ct.densify next.nii.gz next_painted.nii.gz`
    """
    volume = read_volume(image)
    labels, classes = _read_annotation(annotation, volume)
    check_device(device)
    named = check_images(images)
    content = content_hash(volume)
    there = case_with(project, content)
    path = there or place_in(project, image.absolute(), content)
    # Absolute, as a project lists its cases: else this one would be taken for another of them.
    case = ProjectFolder(path.absolute(), describe(volume, image, content))
    if case.read_only:
        raise Problem(f"{project.name} {case.holder}; close it there, then add the case again.")
    if there is not None:
        say(f"{image.name} is a case of {project.name} already ({there.name}); going on with it.")
    rows = case.description.classes
    case.describe(classes=[*rows, *_new_rows({row.label: row for row in rows}, classes)])
    others, notes = read_others(case, partial(_image_of, named))
    for note in notes:
        say(note)
    session = Session(
        volume, settings=Settings(device=device, seed=seed), project=case, others=others
    )
    for note in case.notes:
        say(note, path.name)
    session.noticed.connect(say)
    if not _learn(session, labels, seconds):
        raise _interrupted(project, image, annotation)
    say(f"Wrote {path}" if there else f"Added {path}")


def _learn(session: Session, labels: NDArray[np.uint8], seconds: float) -> bool:
    """Paint, learn for so long, predict everything; False if Ctrl-C ended that before."""
    end: float | None = None
    try:
        with _held_back() as presses, progress() as bar, closing(loop.run(session)) as run:
            session.paint(np.flatnonzero(labels), labels[labels > 0])
            session.train()
            task = bar.add_task("starting", total=seconds)
            for news in run:
                session.take(news)
                status = session.status
                if end is None and status.phase in BUSY:
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
                rested = not session.training and status.phase == Phase.PAUSED
                if presses or (rested and status.complete):
                    session.stop()
            return not presses
    except KeyboardInterrupt:
        return False


@contextmanager
def _held_back() -> Iterator[list[int]]:
    """Note the first Ctrl-C instead of ending at once, so that what was learned can be kept.

    The second one ends at once. Where it is ignored, as in the background of a script, it stays so.
    """
    presses: list[int] = []
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        yield presses
        return

    def note(number: int, _: object) -> None:
        presses.append(number)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield presses
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupted(project: Path, image: Path, annotation: Path) -> typer.Exit:
    """What ends a command after Ctrl-C, once it is said how to go on."""
    further = _further(project, image, annotation)
    say(f"Stopped; what was learned is kept in {project}, and `{further}` goes on with it.")
    return typer.Exit(INTERRUPTED)


def _further(project: Path, image: Path, annotation: Path) -> str:
    """The command that goes on learning from an image that is a case of a project."""
    return shlex.join(["napari-densify", "add", *map(str, (project, image, annotation))])


def _image_of(named: list[Path], home: Path, image: ImageReference) -> Volume | None:
    found = find_among(home, image, named)
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


def _new_rows(known: Mapping[int, Label], classes: list[int]) -> list[Label]:
    """Rows of the class table for the classes that it lacks."""
    return [Label(label=k, name=default_name(k)) for k in classes if k not in known]
