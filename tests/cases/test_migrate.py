"""Projects of older versions."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.edit import Edit
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.reference import ImageReference

from .projects import CLASSES, assert_same, change, model


def old_record(edit: Edit) -> bytes:
    """A record of a version-1 journal."""
    body = io.BytesIO()
    np.savez_compressed(
        body,
        where=np.diff(edit.where, prepend=0),
        before=edit.before,
        after=edit.after,
        rounds=np.array([edit.round_before, edit.round_after]),
        undoes=np.array(edit.undoes),
    )
    return struct.pack("<II", len(body.getvalue()), zlib.crc32(body.getvalue())) + body.getvalue()


def old_project(path: Path, image: ImageReference, annotation: Annotation, stored: bool) -> None:
    """A version-1 project: a journal, or as the command line made it, arrays."""
    path.mkdir()
    described = {
        "schema_version": 1,
        "image": image.model_dump(mode="json"),
        "classes": [row.model_dump(mode="json") for row in CLASSES],
        "round": annotation.round,
        "steps": 321,
        "widths": [16, 32],
    }
    (path / "project.json").write_text(json.dumps(described))
    (path / "model").mkdir()
    (path / "model" / "latest.safetensors").write_bytes(model(1))
    if stored:
        group = zarr.open_group(path / "annotation.zarr", mode="w")
        names = (("labels", "label"), ("rounds", "round"), ("wrong", "wrong"))
        for name, field in names:
            group.create_array(name, data=np.ascontiguousarray(annotation.marks[field]))
    else:
        records = b"".join(map(old_record, annotation.history()))
        (path / "journal").write_bytes(b"DENSIFY1" + records + b"torn")


@pytest.mark.parametrize("stored", [False, True])
def test_a_project_of_version_1_is_brought_up(
    path: Path, image: ImageReference, stored: bool
) -> None:
    annotation = Annotation(image.shape)
    for start, label, late in ((0, 1, False), (10, 2, True), (20, 0, False)):
        annotation.apply(change(annotation, start, label, late))
    undo = annotation.undo()
    assert undo is not None
    annotation.apply(undo)
    old_project(path, image, annotation, stored)
    before = (path / "project.json").read_bytes()
    folder = ProjectFolder(path, image)
    assert "brought up to the present version" in " ".join(folder.notes)
    if stored:
        np.testing.assert_array_equal(folder.annotation.marks, annotation.marks)
        assert folder.annotation.round == annotation.round
    else:
        assert_same(folder.annotation, annotation)
    assert folder.learned.read_model() == model(1)
    assert folder.description.classes == CLASSES
    assert folder.description.learning.widths == (16, 32)
    folder.commit(change(folder.annotation, 600, 4))
    folder.close()
    assert (path / "version-1" / "project.json").read_bytes() == before
    again = ProjectFolder(path, image)
    assert not again.notes
    np.testing.assert_array_equal(again.annotation.marks, folder.annotation.marks)
    again.close()


def test_a_migration_that_was_cut_short_begins_again(path: Path, image: ImageReference) -> None:
    annotation = Annotation(image.shape)
    annotation.apply(change(annotation, 0, 1))
    old_project(path, image, annotation, stored=False)
    before = (path / "project.json").read_bytes()
    ProjectFolder(path, image).close()
    (path / "project.json").write_bytes(before)  # as if it had died just before the last step
    folder = ProjectFolder(path, image)
    assert_same(folder.annotation, annotation)
    assert folder.learned.read_model() == model(1)
    folder.close()
