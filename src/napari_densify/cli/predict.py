"""Segmenting other images with a project's network: one, or a folder of them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.markup import escape
from rich.progress import Progress, TaskID

from napari_densify.cases import export
from napari_densify.cases.export import Segmentation, as_structures, structures_of
from napari_densify.cases.formats import SUFFIXES, read_segmentation, read_volume, write_volume
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label
from napari_densify.cases.volume import Volume
from napari_densify.cli.checks import check_device, check_file_target
from napari_densify.cli.images import find_images, name_of, targets_for
from napari_densify.cli.shared import Device, console, progress
from napari_densify.session.batch import Network, segment

FAILURES = (Problem, OSError, RuntimeError, MemoryError)
"""What an image may end with while the others go on."""


def predict_command(
    project: Annotated[Path, typer.Argument(help="Project folder with a trained model.")],
    images: Annotated[
        list[Path],
        typer.Argument(help="Images, folders of them, DICOM folders, or patterns in quotes."),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the results; of one image also a file to write.")
    ],
    format: Annotated[
        str, typer.Option(help="Ending of the results: nii.gz, nrrd, mha, tif, ome.zarr, dcm, …")
    ] = "nii.gz",
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Write each class's probability too.")
    ] = False,
    csv: Annotated[
        Path | None, typer.Option(help="Table of the structures' volumes to write.")
    ] = None,
    device: Device = "auto",
) -> None:
    """Segment images with a project's network: 0 = background, 1… = structures.

    What is there already is left as it is, so a batch that was stopped goes on where it was. An
    image that cannot be segmented does not keep the others from it; the exit status is 1 then.

    Example: `napari-densify predict ct.densify scans/ --out results --csv volumes.csv`
    """
    network = Network.read(project)
    check_device(device)
    if csv is not None:
        check_file_target(csv)
    found = find_images(images)
    single = len(found) == 1 and out.suffix != "" and (not out.is_dir() or out.suffix == ".zarr")
    if single:
        export.check_ending(out)
        check_file_target(out)
        targets = {found[0]: out}
    else:
        export.check_ending(Path(f"x.{format.lstrip('.')}"))
        targets = targets_for(found, out, format)
    rows: list[tuple[str, ...]] = []
    failed: dict[Path, str] = {}
    skipped = 0
    with progress() as bar:
        task = bar.add_task("", total=len(targets))
        for number, (image, target) in enumerate(targets.items()):
            done = not single and target.exists()
            skipped += done
            bar.update(
                task,
                completed=number,
                description=f"{number + 1} of {len(targets)}: {escape(name_of(image))}",
            )
            try:
                if done:
                    result = _again(image, target, network) if csv else None
                else:
                    result = _predict(image, target, network, probabilities, device, bar, task)
            except FAILURES as error:
                if single:
                    raise
                failed[image] = _sentence(error)
                continue
            if csv is not None and result is not None:
                rows += result.measures(name_of(image))
    if csv is not None:
        export.write_measures(csv, rows)
    if single:
        console.print(f"Wrote {escape(str(out))}")
        return
    _report(len(targets), skipped, failed, out)


def _predict(
    image: Path,
    target: Path,
    network: Network,
    probabilities: bool,
    device: str,
    bar: Progress,
    task: TaskID,
) -> Segmentation:
    volume = network.part(read_volume(image))
    start = bar.tasks[task].completed
    classes = sorted(network.classes, key=lambda each: each.label)
    with tempfile.TemporaryFile() as file:
        # On the disk: they take 4 bytes for each class and voxel.
        chance = (
            np.memmap(file, np.float32, "w+", shape=(len(classes), *volume.shape))
            if probabilities
            else None
        )
        labels = segment(
            volume,
            network,
            device,
            lambda share: bar.update(task, completed=start + share),
            chance,
        )
        if chance is not None:
            write_volume(export.beside(target, "probabilities"), volume.like(chance), classes)
    result = _result(volume.like(as_structures(labels)), volume, image, classes)
    result.write(target)
    return result


def _again(image: Path, target: Path, network: Network) -> Segmentation | None:
    """What was segmented before, for the table; None of formats that cannot be read back."""
    if not target.name.lower().endswith(SUFFIXES):
        return None
    return _result(read_segmentation(target), None, image, list(network.classes))


def _result(
    labels: Volume, volume: Volume | None, source: Path, classes: list[Label]
) -> Segmentation:
    return Segmentation(labels, structures_of(classes), volume, source)


def _sentence(error: BaseException) -> str:
    if isinstance(error, Problem):
        return str(error)
    if isinstance(error, MemoryError):
        return "There is not enough memory for it."
    return f"It cannot be segmented ({type(error).__name__}: {error})."


def _report(count: int, skipped: int, failed: dict[Path, str], out: Path) -> None:
    before = f", {skipped} of them before" if skipped else ""
    console.print(
        f"{count - len(failed)} of {count} images are segmented in {escape(str(out))}{before}.",
        highlight=False,
        soft_wrap=True,
    )
    for image, sentence in failed.items():
        console.print(
            f"[bold]{escape(image.name)}[/bold]: {escape(sentence)}",
            highlight=False,
            soft_wrap=True,
        )
    if failed:
        raise typer.Exit(1)
