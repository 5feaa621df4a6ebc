"""The annotation that a project's folder holds, read without holding the folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.journal import Found, read_journal
from napari_densify.cases.place import case_with, cases_of
from napari_densify.cases.store import MARKS, LabelStore, read_marks
from napari_densify.cases.summary import read_summary
from napari_densify.cases.volume import Shape, Volume, content_hash


def read_annotation(folder: Path, shape: Shape) -> tuple[Annotation, Found | None]:
    """The stored annotation of a project, whoever may have it open, and what its journal holds.

    Raises
    ------
    Problem
        If it is damaged.
    """
    path, voxels = folder / "journal", int(np.prod(shape, dtype=np.int64))
    while True:
        # Whoever has it open may fold the journal into the store between the two readings.
        before = path.stat().st_ino if path.exists() else 0
        annotation = Annotation(shape)
        read_marks(LabelStore(folder / "annotation.zarr", shape, MARKS), annotation)
        found = read_journal(path, voxels) if path.exists() else None
        if before == (path.stat().st_ino if path.exists() else 0):
            break
    for record in found.current if found else ():
        if record.edit.where.size:
            annotation.apply(record.edit)
        annotation.round = record.edit.round_after
    return annotation, found


def painted_on(home: Path, volume: Volume) -> tuple[Annotation, list[int]] | None:
    """What was painted on an image in one of a project's cases; None if it is none of theirs.

    Returns
    -------
    annotation : Annotation
    elsewhere : list of ints
        How many voxels are painted in each other case, as when it was left.

    Raises
    ------
    Problem
        If a case is damaged.
    """
    folder = case_with(home, content_hash(volume))
    if folder is None:
        return None
    annotation, _ = read_annotation(folder, volume.shape)
    return annotation, [read_summary(each).painted for each in cases_of(home) if each != folder]


def notes_on(found: Found, writing: bool = False) -> list[str]:
    """What is wrong with a journal, in sentences.

    Parameters
    ----------
    found : Found
    writing : bool
        Whether the journal was brought in order.
    """
    kept = f"the damaged file {'is kept as journal.damaged' if writing else 'was left as it is'}."
    if found.past_lost and not found.missing and not found.torn:
        return [f"Earlier strokes are there but can no longer be undone; {kept}"]
    if found.damaged:
        lost = f"{found.missing} strokes" if found.missing else "Some strokes"
        return [f"{lost} in the journal cannot be read and were left out; {kept}"]
    if found.torn:
        return ["The journal ends too early: the last stroke, only half written, or more is gone."]
    return []
