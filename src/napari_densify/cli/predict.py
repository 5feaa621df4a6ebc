"""Segmenting another image with a project's network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from napari_densify.cases.export import as_structures
from napari_densify.cases.formats import check_ending, read_volume, write_volume
from napari_densify.cases.learned import Learned
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Project
from napari_densify.cli.checks import check_file_target
from napari_densify.cli.shared import Device, Image, console, progress
from napari_densify.session.news import Notice
from napari_densify.session.session import Session
from napari_densify.session.worker import Settings


def predict_command(
    project: Annotated[Path, typer.Argument(help="Project folder with a trained model.")],
    image: Image,
    out: Annotated[Path, typer.Option(help="Segmentation to write, in the image's geometry.")],
    device: Device = "auto",
) -> None:
    """Segment an image with a project's network: 0 = background, 1… = structures.

    Example: `napari-densify predict ct.densify next.nii.gz --out next_seg.nii.gz`
    """
    description = Project.read(project)
    model = Learned(project, description.image.shape).read_model()
    if model is None:
        raise Problem(f"{project} holds no trained model; train it first.")
    volume = read_volume(image)
    check_ending(out)
    check_file_target(out)
    classes = [c.label for c in description.classes]
    session = Session(
        volume, classes, Settings(device=device, widths=description.learning.widths), model=model
    )
    with progress() as bar:
        task = bar.add_task("predicting", total=1.0)
        for news in session.run():
            if isinstance(news, Notice):
                session.stop()
                raise Problem(news.sentence.removesuffix(" Learning begins anew."))
            session.take(news)
            bar.update(task, completed=session.status.done)
            if session.status.complete:
                session.stop()
    write_volume(out, volume.like(as_structures(session.prediction)))
    console.print(f"Wrote {escape(str(out))}")
