"""What a project holds, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from napari_densify.cases import export
from napari_densify.cases.description import Description
from napari_densify.cases.export import Segmentation, as_structures, structures_of
from napari_densify.cases.formats import write_volume
from napari_densify.cases.learned import Learned
from napari_densify.cases.spared import check_spares
from napari_densify.cases.volume import Volume
from napari_densify.cli.case import (
    CaseImage,
    CaseName,
    annotation_of,
    case_folder,
    files_of,
    image_of,
)
from napari_densify.cli.checks import check_file_target
from napari_densify.cli.shared import Device, ProjectPath, progress, say
from napari_densify.session.batch import Network, segment
from napari_densify.session.folding import renamed
from napari_densify.session.provenance import whole_provenance


def export_command(
    project: ProjectPath,
    out: Annotated[
        Path,
        typer.Option(
            help="File to write; its ending says how: .nii.gz .seg.nrrd .mha .tif .ome.zarr .dcm "
            "(DICOM-SEG) .stl .ply .csv (volumes) …"
        ),
    ],
    case: CaseName = "",
    image: CaseImage = None,
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
    spared = [out, *(export.beside(out, what) for what in ("provenance", "probabilities"))]
    check_spares(spared, files_of(about, source))
    annotation = annotation_of(folder, volume.shape)
    classes = sorted(about.value.classes, key=lambda each: each.label)
    chance = np.zeros((len(classes), *volume.shape), np.float32) if probabilities else None
    labels = np.zeros(volume.shape, np.uint8)
    stored = Learned(folder, volume.shape)
    stored.read_prediction(labels)
    for note in stored.notes:
        say(note)
    if stored.notes or chance is not None:
        anew = _predict(Network.read(folder), volume, device, chance)
        labels = anew if stored.notes else labels
    annotation.draw(labels)
    labels = renamed(about.value.became)[labels]
    result = Segmentation(
        volume.like(as_structures(labels)), structures_of(classes), volume, source
    )
    written = result.write(out)
    if provenance:
        written.append(export.beside(out, "provenance"))
        whence, names = whole_provenance(annotation, labels)
        whence[labels == 0] = 0  # also where a class was painted that is gone since
        write_volume(written[-1], volume.like(whence), names, volume)
    if chance is not None:
        written.append(export.beside(out, "probabilities"))
        write_volume(written[-1], volume.like(chance), classes)
    for file in written:
        say(f"Wrote {file}")


def _predict(
    network: Network, volume: Volume, device: str, chance: NDArray[np.float32] | None
) -> NDArray[np.uint8]:
    """What the network says now, see `segment`."""
    with progress() as bar:
        task = bar.add_task("predicting", total=1.0)
        return segment(volume, network, device, lambda s: bar.update(task, completed=s), chance)
