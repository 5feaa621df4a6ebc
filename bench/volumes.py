"""The volumes to measure on, with their truth and the slices that are painted on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from napari_densify.cases.formats import read_labels, read_volume
from napari_densify.cases.problem import Problem
from napari_densify.cases.samples import brain
from napari_densify.cases.volume import Volume
from napari_densify.session.robot import Robot

DATA = Path(__file__).parents[2] / "shared" / "data"
"""Real volumes that lie beside the project."""
HIPPOCAMPI = [f"hippocampus_{n}" for n in ("001", "003", "004", "006", "007", "008")]
FILES = {
    **{name: f"hippocampus/{name}" for name in HIPPOCAMPI},
    "nuclei": "nuclei/1135",
    "fib25": "fib25/a",
}
GROUPS = {"hippocampus": HIPPOCAMPI, "all": [*FILES, "brain"]}


@dataclass(frozen=True, eq=False)
class Task:
    """A volume to be segmented from a few painted slices.

    Attributes
    ----------
    name : str
    volume : Volume
    truth : (z, y, x) uint8
        0 = background, 1… = structures.
    slices : int
        How many orthogonal slices are painted.
    """

    name: str
    volume: Volume
    truth: NDArray[np.uint8]
    slices: int

    @cached_property
    def robot(self) -> Robot:
        """Who paints; its truth has the annotation's labels, one higher."""
        return Robot(self.truth)

    @cached_property
    def structures(self) -> list[int]:
        """The annotation's labels of the structures, what is scored."""
        return [k for k in self.robot.classes if k > 1]

    @cached_property
    def annotation(self) -> NDArray[np.uint8]:
        """What the robot paints at first: 0 = not annotated, 1 = background, 2… = structures."""
        labels = np.zeros(self.volume.shape, np.uint8)
        for plane in self.robot.planes(self.slices):
            plane.take(labels)[:] = plane.take(self.robot.truth)
        return labels


def names(wanted: Iterable[str]) -> list[str]:
    """Names of volumes, groups spelt out, each once.

    Raises
    ------
    Problem
        If there is no volume of that name.
    """
    known = GROUPS["all"]
    spelt = [each for name in wanted for each in GROUPS.get(name, [name])]
    for name in spelt:
        if name not in known:
            choice = ", ".join([*GROUPS, *known])
            raise Problem(f"There is no volume “{name}”; choose from {choice}.")
    return list(dict.fromkeys(spelt))


def tasks(wanted: Iterable[str], slices: int, console: Console) -> Iterator[Task]:
    """The volumes that are there, one after the other; a sentence about each that is not."""
    for name in names(wanted):
        try:
            yield Task(name, *_read(name), slices)
        except (Problem, FileNotFoundError) as error:
            console.print(f"{name} is left out: {error}", highlight=False)


def _read(name: str) -> tuple[Volume, NDArray[np.uint8]]:
    if name == "brain":
        return brain(crop=False)
    image, truth = (DATA / f"{FILES[name]}_{kind}.nii.gz" for kind in ("image", "truth"))
    if not image.is_file():
        raise FileNotFoundError(f"there is no file {image}")
    volume = read_volume(image)
    return volume, read_labels(truth, volume).astype(np.uint8)
