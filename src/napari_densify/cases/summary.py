"""What a project says of each of its cases without opening it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from napari_densify.cases import disk
from napari_densify.cases.annotation import Annotation
from napari_densify.cases.checked import read_checked
from napari_densify.cases.measure import count
from napari_densify.cases.place import cases_of
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import SUFFIX, Project
from napari_densify.cases.seal import seal, unseal
from napari_densify.cases.sizes import VoxelSize

Mark = Literal["", "checked", "done"]
Count = Annotated[int, Field(ge=0)]
FILE = "case.json"


class Summary(BaseModel):
    """How far a case is; its volumes are written when it is left.

    Attributes
    ----------
    mark : str
        What the user says of it: "checked", "done" or nothing.
    painted : int
        Annotated voxels.
    volumes : dict
        Voxels of each structure in the segmentation, by label.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mark: Mark = ""
    painted: Count = 0
    volumes: dict[int, Count] = {}

    @property
    def state(self) -> str:
        """In a word: new, painted, checked or done."""
        return self.mark or ("painted" if self.painted else "new")

    def of_classes(self, became: Mapping[int, int]) -> Summary:
        """With the classes that there are by now, see `Project.became`."""
        volumes = Counter[int]()
        for label, voxels in self.volumes.items():
            volumes[became.get(label, label)] += voxels
        left = {label: voxels for label, voxels in volumes.items() if label > 1}
        return self.model_copy(update={"volumes": left})


@dataclass(frozen=True)
class CaseEntry:
    """A row in the list of a project's cases.

    Attributes
    ----------
    checked : float
        Share of its slices that are checked, see `Checked.share`.
    """

    folder: Path
    name: str
    voxels: VoxelSize
    summary: Summary
    checked: float


def summarise(annotation: Annotation, prediction: NDArray[np.uint8], mark: Mark) -> Summary:
    """How far a case is.

    Parameters
    ----------
    annotation : Annotation
    prediction : (z, y, x) uint8
        What is shown: painted voxels as they were painted.
    mark : str
    """
    counts = count(prediction)
    volumes = {int(k): int(counts[k]) for k in np.flatnonzero(counts) if k > 1}
    return Summary(mark=mark, painted=annotation.annotated, volumes=volumes)


def write_summary(folder: Path, summary: Summary) -> None:
    """Write a case's summary in the place of the one before.

    Raises
    ------
    OSError
        If it cannot be written; the one before is there then.
    """
    disk.replace(folder / FILE, (seal(summary, indent=2) + "\n").encode())


def read_summary(folder: Path) -> Summary:
    """The summary that was last written; an empty one if there is none that can be read."""
    try:
        return unseal((folder / FILE).read_bytes(), Summary)
    except (OSError, ValueError):
        return Summary()


def list_cases(home: Path) -> list[CaseEntry]:
    """The cases of a project, the first one first; those whose description is damaged are left out.

    Parameters
    ----------
    home : Path
        The project's folder.
    """
    entries, became = [], _became(home)
    for folder in cases_of(home):
        try:
            image = Project.read(folder).image
            checked = read_checked(folder, image.shape).share(image.shape)
        except Problem:
            continue
        name = Path(image.path).name or folder.name.removesuffix(SUFFIX)
        if image.frame is not None:
            name += f" frame {image.frame}"
        summary = read_summary(folder).of_classes(became)
        entries.append(CaseEntry(folder, name, image.voxels, summary, checked))
    return entries


def _became(home: Path) -> dict[int, int]:
    """What became of classes since cases were left; nothing if the project cannot say it."""
    try:
        return Project.read(home).became
    except Problem:
        return {}
