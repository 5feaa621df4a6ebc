"""The other cases of a project, read for the network to go on learning from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.place import cases_of
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Project
from napari_densify.cases.reference import ImageReference
from napari_densify.cases.stored import notes_on, read_annotation
from napari_densify.cases.volume import Volume
from napari_densify.session.folding import as_now
from napari_densify.session.news import OtherCase

FindImage = Callable[[Path, ImageReference], Volume | None]


def read_others(project: ProjectFolder, find: FindImage) -> tuple[list[OtherCase], list[str]]:
    """Read the cases of a project in which something is painted, but for the one that is open.

    Parameters
    ----------
    project : ProjectFolder
        The case that is open.
    find : callable
        The image that belongs to a project's folder; None if it is not to be found.

    Returns
    -------
    others : list of OtherCase
    notes : list of str
        Which cases had to be left out and why, and what is lost of others, in sentences.
    """
    others, notes = [], []
    for folder in cases_of(project.home):
        if folder == project.path:
            continue
        try:
            image = Project.read(folder).image
            annotation, found = read_annotation(folder, image.shape)
            volume = find(project.home, image) if annotation.annotated else None
        except Problem as problem:
            notes.append(f"{problem} Nothing is learned from that case meanwhile.")
            continue
        notes += [f"{folder.name}: {note}" for note in (notes_on(found) if found else ())]
        if volume is not None:
            others.append(OtherCase(volume, annotation.everything()))
        elif annotation.annotated:
            notes.append(
                f"The image of {folder.name} is not where it was; nothing is learned from that "
                "case until its image is put back."
            )
    return others, notes


def counts_in(others: Sequence[OtherCase], folded: Mapping[int, int]) -> NDArray[np.int64]:
    """(256,) how many voxels of each label are painted in other cases, in the classes there are."""
    counts = np.zeros(256, np.int64)
    now = as_now(np.arange(256, dtype=np.uint8), folded)
    for case in others:
        np.add.at(counts, now, np.bincount(case.painted.after["label"], minlength=256))
    return counts
