"""Labels that were drawn in another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from napari_densify.cases.description import Description
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.formats.segments import read_segments
from napari_densify.cases.imported import as_annotation
from napari_densify.cases.problem import Problem
from napari_densify.cli.case import CaseImage, CaseName, case_folder, image_of
from napari_densify.cli.shared import ProjectPath, say


def import_command(
    project: ProjectPath,
    labels: Annotated[
        Path, typer.Argument(help="A .seg.nrrd of 3D Slicer, a NIfTI of ITK-SNAP, any label image.")
    ],
    complete: Annotated[
        bool, typer.Option("--complete", help="What is 0 in the labels is background.")
    ] = False,
    case: CaseName = "",
    image: CaseImage = None,
) -> None:
    """Take labels drawn in another program into a case's annotation, as one edit.

    Example: `napari-densify import ct.densify slicer.seg.nrrd`
    """
    folder = case_folder(project, case)
    volume, _ = image_of(Description.read(folder), image)
    drawn, segments = read_segments(labels)
    kept = ProjectFolder(folder)
    for note in kept.notes:
        say(note, folder.name)
    try:
        classes = kept.description.classes
        gone = kept.description.learning.folded
        annotation, rows = as_annotation(drawn, segments, volume, classes, complete, gone)
        where = np.flatnonzero(annotation)
        edit = kept.annotation.change(where, annotation.reshape(-1)[where])
        if edit is None:
            raise Problem(f"Everything in {labels.name} is annotated like that already.")
        kept.commit(edit)
        kept.describe(classes=rows)
    finally:
        kept.close()
    say(f"Took {edit.where.size:,} voxels from {labels}")
