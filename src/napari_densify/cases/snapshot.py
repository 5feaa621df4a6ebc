"""Versions of an annotation that are kept: named by the user, or made by themselves."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from napari_densify.cases import disk
from napari_densify.cases.annotation import Annotation
from napari_densify.cases.edit import Edit, union
from napari_densify.cases.history import now
from napari_densify.cases.problem import Problem
from napari_densify.cases.seal import seal, unseal
from napari_densify.cases.store import MARKS, LabelStore, read_marks, write_marks
from napari_densify.cases.volume import Shape

AUTOMATIC = 20
"""Snapshots made by themselves that are kept; the user's own are kept until thrown away."""
LONGEST = 200
"""Characters of a name that are kept."""


class Snapshot(BaseModel):
    """What a snapshot is called and when it was made.

    Attributes
    ----------
    number : int
        Higher is newer, whatever the clock says.
    name : str
        Empty if it was made by itself.
    time : str
        ISO 8601, with the offset from UTC.
    edits : int
        Number of the last edit in it.
    voxels : int
        How many are annotated.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int = Field(ge=1)
    name: str = Field("", max_length=LONGEST)
    time: str = Field(max_length=40)
    edits: int = Field(0, ge=0)
    voxels: int = Field(0, ge=0)


@dataclass(frozen=True)
class Comparison:
    """How many voxels of a class were painted then and are now, and in how many both differ."""

    label: int
    then: int
    now: int
    gone: int
    new: int


class Snapshots:
    """The snapshots of a project.

    Parameters
    ----------
    folder : Path
        Made at the first `save`.
    shape : (3,) ints
        The annotation's size along z, y, x.
    """

    def __init__(self, folder: Path, shape: Shape) -> None:
        self.folder, self.shape = folder, shape

    def save(self, everything: Edit, name: str, edits: int) -> Snapshot:
        """Keep an annotation as it is now.

        Parameters
        ----------
        everything : Edit
            `Annotation.everything`.
        name : str
            Empty for one that is made by itself; old ones of those are thrown away.
        edits : int
            Number of the last edit.

        Raises
        ------
        Problem
            If it cannot be written; there is no half snapshot then.
        """
        taken = [int(p.stem) for p in self.folder.glob("*.*") if p.stem.isdecimal()]
        snapshot = Snapshot(
            number=1 + max(taken, default=0),
            name=name.strip()[:LONGEST],
            time=now(),
            edits=edits,
            voxels=everything.where.size,
        )
        annotation = Annotation(self.shape)
        annotation.load(everything.where, everything.after)
        try:
            disk.make_folder(self.folder)
            store = self._store(snapshot)
            starts = sorted(store.chunks_of(everything.where))
            write_marks(store, annotation, map(store.chunk, starts))
            # Last: without it there is no snapshot.
            disk.replace(self._about(snapshot), seal(snapshot, indent=2).encode())
        except OSError as error:
            self.remove(snapshot)
            raise Problem(
                f"The snapshot could not be saved in {self.folder} ({error.strerror}); "
                "make room there, then try again."
            ) from error
        for old in [s for s in self.list() if not s.name][:-AUTOMATIC]:
            self.remove(old)
        return snapshot

    def list(self) -> list[Snapshot]:
        """The snapshots there are, the newest last; damaged ones are passed over."""
        found = []
        for file in self.folder.glob("*.json"):
            try:
                snapshot = unseal(file.read_bytes(), Snapshot)
            except (ValueError, OSError):
                continue
            if self._about(snapshot) == file:
                found.append(snapshot)
        return sorted(found, key=lambda s: s.number)

    def read(self, snapshot: Snapshot) -> Annotation:
        """The annotation as it was.

        Raises
        ------
        Problem
            If it is damaged.
        """
        annotation = Annotation(self.shape)
        read_marks(self._store(snapshot), annotation)
        if annotation.annotated != snapshot.voxels:
            raise Problem(
                f"Snapshot {snapshot.number} in {self.folder} is damaged; choose another one."
            )
        return annotation

    def remove(self, snapshot: Snapshot) -> None:
        """Throw a snapshot away."""
        self._about(snapshot).unlink(missing_ok=True)
        shutil.rmtree(self._store(snapshot).path, ignore_errors=True)

    def _about(self, snapshot: Snapshot) -> Path:
        return self.folder / f"{snapshot.number:04d}.json"

    def _store(self, snapshot: Snapshot) -> LabelStore:
        return LabelStore(self.folder / f"{snapshot.number:04d}.zarr", self.shape, MARKS)


def compare(then: Annotation, now: Annotation) -> list[Comparison]:
    """Class by class, what was painted then and what is painted now.

    Parameters
    ----------
    then, now : Annotation
        Of one shape.
    """
    where = union(then.everything().where, now.everything().where)
    old, new = then.at(where)["label"], now.at(where)["label"]
    return [
        Comparison(
            label=int(label),
            then=int((old == label).sum()),
            now=int((new == label).sum()),
            gone=int(((old == label) & (new != label)).sum()),
            new=int(((new == label) & (old != label)).sum()),
        )
        for label in np.union1d(old, new)
        if label
    ]
