"""Projects of older versions, brought up to the present one.

Version 1 had no checksums: a journal of .npz records and, where it was made on the command line,
zarr arrays. What is replaced is kept in ``version-1/``. If the process dies on the way, the
description still says version 1, and the next opening begins again from there.
"""

from __future__ import annotations

import io
import json
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from pydantic import ValidationError

from napari_densify.cases import disk
from napari_densify.cases.annotation import Annotation
from napari_densify.cases.edit import MARK, Edit
from napari_densify.cases.journal import history, whole
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import SEALED, Label, Learning, Project, schema_of
from napari_densify.cases.reference import ImageReference
from napari_densify.cases.ring import ModelRing
from napari_densify.cases.store import MARKS, LabelStore, write_marks

_HEAD = struct.Struct("<II")
_OLD_MAGIC = b"DENSIFY1"
_OLD_FILES = ("annotation.zarr", "prediction.zarr", "journal", "model")


def migrate(folder: Path) -> bool:
    """Bring a project of version 1 up to the present version, in its place.

    Returns
    -------
    bool
        Whether it was of version 1.

    Raises
    ------
    Problem
        If what it holds is damaged; it is left as it was.
    OSError
        If it cannot be written.
    """
    if schema_of(folder) >= SEALED:
        return False
    kept = folder / "version-1"
    if not (kept / "project.json").is_file():
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir()
        for name in _OLD_FILES:
            old = folder / name
            if old.is_dir():
                shutil.copytree(old, kept / name)
            elif old.is_file():
                shutil.copy2(old, kept / name)
        disk.sync_tree(kept)
        disk.replace(kept / "project.json", (folder / "project.json").read_bytes())
    try:
        described = json.loads((kept / "project.json").read_bytes())
        project = Project(
            image=ImageReference(**described["image"]),
            classes=tuple(Label(**row) for row in described["classes"]),
            learning=Learning(widths=tuple(described.get("widths", ()))),
        )
        annotation = _read(kept, project.image.shape, int(described.get("round", 0)))
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise Problem(f"{folder} is damaged; put it back from a backup.") from error
    for name in ("annotation.zarr", "prediction.zarr"):
        shutil.rmtree(folder / name, ignore_errors=True)
    store = LabelStore(folder / "annotation.zarr", project.image.shape, MARKS)
    # At least one chunk: a journal with a past and no store is a store that went missing.
    starts = sorted({(0, 0, 0), *store.chunks_of(annotation.everything().where)})
    write_marks(store, annotation, map(store.chunk, starts))
    past = history(annotation.history(), len(annotation.history()), annotation.round)
    disk.replace(folder / "journal", whole(past))
    old_model = kept / "model" / "latest.safetensors"
    if old_model.is_file():
        ModelRing(folder / "model").save(old_model.read_bytes())
        (folder / "model" / "latest.safetensors").unlink(missing_ok=True)
    project.write(folder)
    return True


def _read(folder: Path, shape: tuple[int, int, int], round_: int) -> Annotation:
    annotation = Annotation(shape)
    if (folder / "annotation.zarr").exists():
        group: Any = zarr.open_group(folder / "annotation.zarr", mode="r")
        marks = np.zeros(shape, MARK)
        for name, field in (("labels", "label"), ("rounds", "round"), ("wrong", "wrong")):
            marks[field] = group[name][:]
        where = np.flatnonzero(marks["label"])
        annotation.load(where, marks.reshape(-1)[where])
        annotation.round = round_
    if (folder / "journal").is_file():
        for edit in _edits((folder / "journal").read_bytes(), int(np.prod(shape))):
            annotation.apply(edit)
    return annotation


def _edits(data: bytes, voxels: int) -> Iterator[Edit]:
    """The edits of a journal of version 1, up to a torn or damaged record."""
    if data[: len(_OLD_MAGIC)] != _OLD_MAGIC:
        raise ValueError("no journal of version 1")
    at = len(_OLD_MAGIC)
    while at + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, at)
        body = data[at + _HEAD.size : at + _HEAD.size + length]
        at += _HEAD.size + length
        if len(body) < length or zlib.crc32(body) != checksum:
            return
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            # Sizes first: what a record claims to unpack to must not be believed blindly.
            if sum(entry.file_size for entry in archive.infolist()) > 16 * voxels + 4096:
                return
        with np.load(io.BytesIO(body), allow_pickle=False) as parts:
            where = np.cumsum(parts["where"], dtype=np.int64)
            first, then = (int(r) for r in parts["rounds"])
            edit = Edit(where, parts["before"], parts["after"], first, then, bool(parts["undoes"]))
        fits = where.shape == edit.before.shape == edit.after.shape
        if not fits or edit.after.dtype != MARK or not 0 <= where.min() <= where.max() < voxels:
            return
        yield edit
