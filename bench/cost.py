"""What keeping everything costs: a stroke's write, opening, and a volume that fits in no memory."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console

from bench.memory import own_peak_mb
from bench.report import OUT, Figure, report
from napari_densify.cases import disk
from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box
from napari_densify.cases.edit import Edit
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.plane import Plane
from napari_densify.cases.reference import ImageReference
from napari_densify.cases.volume import Shape, Volume
from napari_densify.session.session import Session

STROKES = 1000
SIDE = 512
LARGE = 2048
BRUSH = 10
"""Radius of the brush in pixels."""
FILLED = 25
"""Every so many strokes one fills a region, which is a hundred times as large."""


class Waits:
    """How long each thing that is done in it waits for the disk to sync.

    Attributes
    ----------
    seconds : list of float
        One for each time it was entered.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._sync = disk._sync

    def __enter__(self) -> None:
        self.seconds.append(0.0)
        disk._sync = self._timed

    def __exit__(self, *error: object) -> None:
        disk._sync = self._sync

    def _timed(self, descriptor: int) -> None:
        start = time.perf_counter()
        self._sync(descriptor)
        self.seconds[-1] += time.perf_counter() - start


def cost() -> None:
    """Measure the three, and print them beside their bars."""
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=OUT) as place:  # where a project would lie, not in memory
        figures = [*strokes_and_opening(Path(place)), *large(Path(place))]
    report("cost", figures)


def strokes_and_opening(place: Path) -> list[Figure]:
    """A thousand strokes on a 512³ volume, folded as a session does, and opened again."""
    shape, rng = (SIDE,) * 3, np.random.default_rng(0)
    folder, reference = place / "a.densify", _reference((SIDE,) * 3)
    project = ProjectFolder(folder, reference)
    project.commit(_edit(project.annotation, np.arange(9), 1))  # makes the folder
    writes, waits, sizes = [], Waits(), []
    for number in range(1, STROKES):
        edit = _edit(project.annotation, *_stroke(shape, rng, number % FILLED == 0))
        start = time.perf_counter()
        with waits:
            project.commit(edit)
        writes.append(time.perf_counter() - start)
        sizes.append(edit.where.size)
        if project.due:
            project.fold()
    prediction = np.zeros(shape, np.uint8)
    prediction[100:400, 100:400, 100:400] = 2
    project.learned.save_prediction(prediction, [Box((0, 0, 0), shape)])
    unfolded = place / "killed.densify"
    shutil.copytree(folder, unfolded)
    project.fold()
    project.close()
    ms = np.percentile(writes, [50, 95, 100]) * 1000
    own = np.percentile(np.array(writes) - waits.seconds, [50, 95, 100]) * 1000
    Console().print(
        f"{len(writes)} strokes of {np.median(sizes):.0f} to {max(sizes)} voxels: "
        f"median {ms[0]:.1f} ms, longest {ms[2]:.1f} ms; without waiting for the disk's sync: "
        f"median {own[0]:.1f} ms, 95th percentile {own[1]:.1f} ms, longest {own[2]:.1f} ms"
    )
    volume = Volume(np.zeros(shape, np.uint8))
    return [
        Figure("stroke's write on 512³, 95th percentile, ms", float(ms[1]), 10),
        Figure("opening 512³ with 1,000 edits, s", _opening(folder, volume), 2),
        Figure("opening it after a kill, the last ones unfolded, s", _opening(unfolded, volume), 2),
    ]


def large(place: Path) -> list[Figure]:
    """Three painted slices of a 2048³ volume, painted and opened in processes of their own."""
    folder = place / "large.densify"
    peaks = {}
    for what in ("paint", "read"):
        done = subprocess.run(
            [sys.executable, "-m", "bench.cost", what, str(folder)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        peaks[what] = float(done.stdout)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    full = LARGE**3 / 1e6
    return [
        Figure("three painted slices of 2048³ on disk, MB", size / 1e6, 50),
        Figure("memory to paint them, MB; the bar is the full size", peaks["paint"], full),
        Figure("memory to open them, MB; the bar is the full size", peaks["read"], full),
    ]


def _opening(folder: Path, volume: Volume) -> float:
    start = time.perf_counter()
    project = ProjectFolder(folder, _reference(volume.shape))
    session = Session(volume, project=project)
    seconds = time.perf_counter() - start
    assert session.annotation.annotated
    session.close()
    return seconds


def _stroke(shape: Shape, rng: np.random.Generator, filled: bool) -> tuple[np.ndarray, int]:
    """A brush drawn along a line on a slice of any orientation, or a filled disc."""
    plane = Plane(int(rng.integers(3)), int(rng.integers(shape[0])))
    radius, steps = (10 * BRUSH, 1) if filled else (BRUSH, 12)
    disc = np.argwhere(np.hypot(*np.ogrid[-radius : radius + 1, -radius : radius + 1]) < radius)
    begin = rng.integers(0, shape[0] - 2 * radius - 4 * steps, 2)
    pixels = np.concatenate([disc + begin + step * np.array([3, 4]) for step in range(steps)])
    return plane.to_volume(np.unique(pixels, axis=0), shape), int(rng.integers(1, 5))


def _edit(annotation: Annotation, where: np.ndarray, label: np.ndarray | int) -> Edit:
    edit = annotation.change(where, label)
    # Painting the same again changes nothing; another label does.
    edit = edit or annotation.change(where, 9)
    assert edit is not None
    return edit


def _reference(shape: Shape) -> ImageReference:
    return ImageReference(shape=shape, spacing=(1, 1, 1), content="0" * 64)


def _paint(folder: Path) -> None:
    """Whole slices across all three axes: structures of many sizes on background."""
    project = ProjectFolder(folder, _reference((LARGE,) * 3))
    rows, columns = np.indices((LARGE, LARGE), np.int32)
    waves = np.sin(rows / 97) * np.sin(columns / 61) + np.sin(rows / 13 + columns / 29) / 2
    labels = (1 + (waves > 0.3) + (waves > 0.7)).astype(np.uint8).ravel()
    for axis in range(3):
        plane = Plane(axis, LARGE // 2 + axis)
        where = plane.voxels(np.ones((LARGE, LARGE), bool), (LARGE,) * 3)
        project.commit(_edit(project.annotation, where, labels))
    project.fold()
    project.close()


def _read(folder: Path) -> None:
    project = ProjectFolder(folder, _reference((LARGE,) * 3))
    assert project.annotation.annotated == 3 * LARGE**2 - 3 * LARGE + 1
    project.close()


if __name__ == "__main__":
    before = own_peak_mb()
    {"paint": _paint, "read": _read}[sys.argv[1]](Path(sys.argv[2]))
    print(own_peak_mb() - before)
