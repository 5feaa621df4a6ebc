"""Annotated cases for nnU-Net."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from napari_densify.cases.description import Description
from napari_densify.cases.nnunet import check_name, write_dataset
from napari_densify.cases.place import cases_of
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import SUFFIX
from napari_densify.cases.stored import read_annotation
from napari_densify.cases.volume import Volume
from napari_densify.cli.case import CaseImages, annotation_of, check_images, image_among
from napari_densify.cli.shared import ProjectPath, say
from napari_densify.session.folding import renamed


def nnunet_command(
    project: ProjectPath,
    out: Annotated[Path, typer.Option(help="Folder to write, DatasetNNN_NAME.")],
    images: CaseImages = None,
) -> None:
    """Write a project's annotated cases as a data set of nnU-Net v2.

    Example: `napari-densify nnunet ct.densify --out nnUNet_raw/Dataset007_Liver`
    """
    check_name(out)
    named = check_images(images)
    classes = Description.read(project).value.classes
    folders = [folder for folder in cases_of(project) if _is_annotated(folder)]
    if not folders:
        raise Problem(f"Nothing is annotated in {project}; paint first.")
    names = write_dataset(out, classes, map(partial(_read, named), folders))
    say(f"Wrote {len(names)} cases to {out}")


def _is_annotated(folder: Path) -> bool:
    shape = Description.read(folder).value.image.shape
    return annotation_of(folder, shape).annotated > 0


def _read(named: list[Path], folder: Path) -> tuple[str, Volume, NDArray[np.uint8]]:
    about = Description.read(folder)
    image, _ = image_among(about, named)
    annotation, _ = read_annotation(folder, image.shape)
    labels = renamed(about.value.became)[annotation.labels]
    return folder.name.removesuffix(SUFFIX), image, labels
