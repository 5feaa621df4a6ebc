"""Segmenting other images with a project's network: one, or a folder of them."""

from __future__ import annotations

import errno
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.markup import escape
from rich.progress import Progress

from napari_densify.cases import export
from napari_densify.cases.export import Segmentation, as_structures, structures_of
from napari_densify.cases.formats import SUFFIXES, read_segmentation, read_volume, write_volume
from napari_densify.cases.problem import Problem
from napari_densify.cases.spared import check_spares
from napari_densify.cli.checks import check_device, check_file_target
from napari_densify.cli.images import find_images, name_of, targets_for
from napari_densify.cli.shared import Device, progress, say
from napari_densify.session.batch import Network, segment

FAILURES = (Problem, OSError, RuntimeError, MemoryError, ValueError, ArithmeticError)
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
    if csv is not None:
        check_spares([csv], found)
    run = _Run(network, probabilities, device, measured=csv is not None)
    with progress() as bar:
        if len(found) == 1 and out.suffix != "" and (not out.is_dir() or out.suffix == ".zarr"):
            export.check_ending(out)
            check_file_target(out)
            check_spares([out, export.beside(out, "probabilities")], found)
            try:
                run.one(found[0], out, bar)
            except FAILURES as error:
                raise Problem(_sentence(error)) from error
            sentence = f"Wrote {out}"
        else:
            export.check_ending(Path(f"x.{format.lstrip('.')}"))
            sentence = run.all(targets_for(found, out, format), out, bar)
    if csv is not None:
        export.write_measures(csv, run.rows)
    say(sentence)
    for image, why in run.failed.items():
        say(why, image.name)
    if run.failed:
        raise typer.Exit(1)


@dataclass
class _Run:
    """Segments images, and notes the structures' volumes and what went wrong.

    Attributes
    ----------
    measured : bool
        Whether volumes are wanted.
    rows : list of tuples
        Of `export.COLUMNS`.
    failed : dict
        Images that could not be segmented, and why in a sentence.
    """

    network: Network
    probabilities: bool
    device: str
    measured: bool
    rows: list[tuple[str, ...]] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)

    def one(self, image: Path, target: Path, bar: Progress) -> None:
        """Segment an image; what goes wrong is raised."""
        task = bar.add_task(escape(name_of(image)), total=1.0)
        self._predict(image, target, lambda share: bar.update(task, completed=share))

    def all(self, targets: dict[Path, Path], out: Path, bar: Progress) -> str:
        """Segment images that are not yet; how many are now, in a sentence."""
        task = bar.add_task("", total=len(targets))
        before = 0

        def done(number: int, share: float) -> None:
            bar.update(task, completed=number + share)

        for number, (image, target) in enumerate(targets.items()):
            name = f"{number + 1} of {len(targets)}: {escape(name_of(image))}"
            bar.update(task, completed=number, description=name)
            try:
                if not self._is_done(target):
                    self._predict(image, target, partial(done, number))
                    continue
                before += 1
                if self.measured:
                    self._measure(image, _again(image, target, self.network))
            except FAILURES as error:
                self.failed[image] = _sentence(error)
        count = len(targets) - len(self.failed)
        earlier = f", {before} of them before" if before else ""
        return f"{count} of {len(targets)} images are segmented in {out}{earlier}."

    def _is_done(self, target: Path) -> bool:
        structures = structures_of(self.network.classes)
        return any(file.exists() for file in export.files_of(target, structures))

    def _predict(self, image: Path, target: Path, done: Callable[[float], None]) -> None:
        volume = read_volume(image, self.network.part)
        classes = sorted(self.network.classes, key=lambda each: each.label)
        shape = (len(classes), *volume.shape)
        room = _room(target.parent, shape) if self.probabilities else nullcontext()
        with room as chance:
            labels = segment(volume, self.network, self.device, done, chance)
            if chance is not None:
                write_volume(export.beside(target, "probabilities"), volume.like(chance), classes)
        structures = volume.like(as_structures(labels))
        result = Segmentation(structures, structures_of(classes), volume, image)
        result.write(target)
        self._measure(image, result)

    def _measure(self, image: Path, result: Segmentation | None) -> None:
        if self.measured and result is not None:
            self.rows += result.measures(name_of(image))


@contextmanager
def _room(folder: Path, shape: tuple[int, ...]) -> Iterator[NDArray[np.float32]]:
    """An array on the disk on which the results go, with no name there.

    The disk's room is taken first: where it runs out while the array is filled, the process ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    size = 4 * math.prod(shape)
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise Problem(
                f"There is no room for its probabilities in {folder} ({size / 1e9:.3g} GB); make "
                "some, or leave them out."
            ) from error
        yield np.memmap(file, np.float32, "w+", shape=shape)


def _again(image: Path, target: Path, network: Network) -> Segmentation | None:
    """What was segmented before, for the table; None of formats that cannot be read back."""
    if not target.name.lower().endswith(SUFFIXES):
        return None
    # Not every format keeps where its voxels lie, or in which unit.
    volume, labels = read_volume(image, network.part), read_segmentation(target)
    if labels.shape != volume.shape:
        raise Problem(f"{target} is not of this image; remove it, and it is predicted anew.")
    return Segmentation(volume.like(labels.data), structures_of(network.classes), None, image)


def _sentence(error: BaseException) -> str:
    if isinstance(error, Problem):
        return str(error)
    if isinstance(error, MemoryError):
        return "There is not enough memory for it."
    return f"It cannot be segmented ({type(error).__name__}: {error})."
