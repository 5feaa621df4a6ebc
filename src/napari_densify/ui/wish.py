"""What shall be written of a case, and the writing of it, which may be done in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.edit import Edit
from napari_densify.cases.export import Segmentation, beside, stem_of, write_measures
from napari_densify.cases.formats import write_volume
from napari_densify.session.provenance import whole_provenance
from napari_densify.ui import command_line


@dataclass(frozen=True, eq=False)
class Wish:
    """What shall be written of a case, and where."""

    path: Path
    segmentation: Segmentation
    labels: NDArray[np.uint8]
    """As the annotation has them."""
    painted: Edit | None
    """All that is annotated, if it is wanted where labels come from, too."""
    volumes: bool
    project: Path | None
    """Of which the probabilities are wanted, too."""


def write(wish: Wish) -> list[Path]:
    """Write everything that is asked for; called in a thread."""
    written = []
    if wish.project is not None:
        written.append(_write_probabilities(wish.project, wish))
    written = [*wish.segmentation.write(wish.path), *written]
    if wish.painted is not None:
        file = beside(wish.path, "provenance")
        labels, image = wish.segmentation.labels, wish.segmentation.image
        annotation = Annotation(labels.shape)
        annotation.load(wish.painted.where, wish.painted.after)
        whence, names = whole_provenance(annotation, wish.labels)
        write_volume(file, labels.like(whence), names, image)
        written.append(file)
    if wish.volumes:
        file = table_beside(wish.path)
        write_measures(file, wish.segmentation.measures(stem_of(wish.path)))
        written.append(file)
    return written


def table_beside(path: Path) -> Path:
    """The name of the table of volumes of the same export: ``x.nii.gz`` → ``x_volumes.csv``."""
    return path.with_name(f"{stem_of(path)}_volumes.csv")


def _write_probabilities(project: Path, wish: Wish) -> Path:
    """Let the command line write them: torch is not for napari's process."""
    image = wish.segmentation.source
    command_line.run("export", project, "--out", wish.path, "--image", image, "--probabilities")
    return beside(wish.path, "probabilities")
