"""What a project holds, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.markup import escape

from napari_densify.cases import export
from napari_densify.cases.description import Description
from napari_densify.cases.export import Segmentation, as_structures, structures_of
from napari_densify.cases.formats import read_any, write_volume
from napari_densify.cases.learned import Learned
from napari_densify.cases.place import CASES, cases_of, images_beside
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import SUFFIX, describe
from napari_densify.cases.stored import read_annotation
from napari_densify.cases.volume import Volume, content_hash
from napari_densify.cli.checks import check_file_target
from napari_densify.cli.shared import Device, console, progress
from napari_densify.session.batch import Network, segment
from napari_densify.session.provenance import whole_provenance


def export_command(
    project: Annotated[Path, typer.Argument(help="Project folder, NAME.densify.")],
    out: Annotated[
        Path,
        typer.Option(
            help="File to write; its ending says how: .nii.gz .seg.nrrd .mha .tif .ome.zarr .dcm "
            "(DICOM-SEG) .stl .ply .csv (volumes) …"
        ),
    ],
    case: Annotated[
        str, typer.Option(help="Which of the project's cases, by its name; else the first.")
    ] = "",
    image: Annotated[
        Path | None, typer.Option(help="The case's image, where the project does not find it.")
    ] = None,
    provenance: Annotated[
        bool,
        typer.Option(
            "--provenance", help="Also where each label comes from: the user or the network."
        ),
    ] = False,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Also each class's probability.")
    ] = False,
    device: Device = "auto",
) -> None:
    """Write a case's segmentation as other programs read it: 0 = background, 1… = structures.

    Example: `napari-densify export ct.densify --out ct_seg.nii.gz --provenance`
    """
    folder = case_folder(project, case)
    about = Description.read(folder)
    export.check_ending(out)
    check_file_target(out)
    volume, source = image_of(about, image)
    annotation, _ = read_annotation(folder, volume.shape)
    labels = np.zeros(volume.shape, np.uint8)
    Learned(folder, volume.shape).read_prediction(labels)
    annotation.draw(labels)
    classes = sorted(about.value.classes, key=lambda each: each.label)
    result = Segmentation(
        volume.like(as_structures(labels)), structures_of(classes), volume, source
    )
    written = result.write(out)
    if provenance:
        written.append(export.beside(out, "provenance"))
        whence, names = whole_provenance(annotation, labels)
        write_volume(written[-1], volume.like(whence), names, volume)
    if probabilities:
        written.append(export.beside(out, "probabilities"))
        network = Network.read(folder)
        chance = np.zeros((len(network.classes), *volume.shape), np.float32)
        with progress() as bar:
            task = bar.add_task("predicting", total=1.0)
            segment(volume, network, device, lambda s: bar.update(task, completed=s), chance)
        write_volume(written[-1], volume.like(chance), classes)
    for file in written:
        console.print(f"Wrote {escape(str(file))}", highlight=False, soft_wrap=True)


def case_folder(project: Path, case: str) -> Path:
    """The folder of a project's case."""
    if not case:
        return project
    folder = project / CASES / f"{case.removesuffix(SUFFIX)}{SUFFIX}"
    if folder.is_dir():
        return folder
    names = ", ".join(each.name.removesuffix(SUFFIX) for each in cases_of(project))
    if case.removesuffix(SUFFIX) == project.name.removesuffix(SUFFIX):
        return project
    raise Problem(f"{project} has no case “{case}”; choose one of {names}.")


def image_of(about: Description, named: Path | None) -> tuple[Volume, Path]:
    """A case's image, known again by its voxels, and where it is.

    Raises
    ------
    Problem
        If it is not where it was, or another one.
    """
    place = named or about.find_image()
    kept = about.value.image
    places = [place] if place else [] if kept.path else images_beside(about.home)
    contents = {kept.content, *(channel.content for channel in kept.stack[:1])}
    for path in places:
        whole = read_any(path)
        volume = whole.like(kept.choice.take(whole.data, path.name))
        if volume.shape == kept.shape and content_hash(volume) in contents:
            return volume, path
        if named is not None:
            about.check(describe(volume, path, content_hash(volume)))
    raise Problem(f"The image of {about.folder} is not where it was; name it with --image.")
