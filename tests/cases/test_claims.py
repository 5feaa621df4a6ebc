"""Files that claim to hold more than any memory: none is believed, none is allocated for."""

from __future__ import annotations

import hashlib
import json
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import google_crc32c
import numcodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_densify.cases.box import Box
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.journal import MAGIC, read_journal
from napari_densify.cases.problem import Problem
from napari_densify.cases.reference import ImageReference
from napari_densify.cases.ring import ModelRing
from napari_densify.cases.zstandard import content_size

from .projects import CLASSES, model, paint

HUGE = 10 * 10**12
MODEST = 64 << 20
"""Bytes that reading a small project may take."""


@pytest.fixture(autouse=True)
def modest() -> Iterator[None]:
    """Whatever is read takes little memory."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MODEST


@pytest.fixture
def folded(path: Path, image: ImageReference) -> Path:
    folder = ProjectFolder(path, image, CLASSES)
    paint(folder)
    folder.fold()
    folder.learned.save_prediction(np.ones(image.shape, np.uint8), [Box((0, 0, 0), image.shape)])
    folder.close()
    return path


@pytest.mark.parametrize(
    ("length", "header"),
    [
        (HUGE, {}),
        (None, {"weight": {"dtype": "U8", "shape": [HUGE], "data_offsets": [0, HUGE]}}),
        (None, {"weight": {"dtype": "F32", "shape": [3], "data_offsets": [0, HUGE]}}),
        (None, {"weight": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 12]}}),
    ],
)
def test_a_model_of_10_tb_is_refused(tmp_path: Path, length: int | None, header: object) -> None:
    text = json.dumps(header).encode()
    content = struct.pack("<Q", length or len(text)) + text + bytes(12)
    ring = ModelRing(tmp_path / "model")
    ring.save(model(1))
    digest = hashlib.sha256(content).hexdigest()[:16]
    (ring.folder / f"0002-{digest}.safetensors").write_bytes(content)
    assert ring.newest() == (model(1), 1)


@pytest.mark.parametrize("field", ["shape", "chunk_shape"])
@pytest.mark.parametrize("array", ["annotation.zarr/labels", "annotation.zarr/wrong"])
def test_an_array_of_10_tb_is_refused(
    folded: Path, image: ImageReference, array: str, field: str
) -> None:
    file = folded / array / "zarr.json"
    described = json.loads(file.read_text())
    if field == "shape":
        described["shape"] = [HUGE, 1, 1]
    else:
        described["chunk_grid"]["configuration"]["chunk_shape"] = [2**15] * 3
    file.write_text(json.dumps(described))
    with pytest.raises(Problem, match="damaged"):
        ProjectFolder(folded, image)


def claims(size: int) -> bytes:
    """A frame that says it holds so much."""
    return b"\x28\xb5\x2f\xfd" + b"\xe0" + struct.pack("<Q", size) + b"\x01\x00\x00"


@pytest.mark.parametrize(
    "frame",
    [
        claims(HUGE),
        claims(64 << 30),
        numcodecs.Zstd().encode(bytes(200 << 20)),
        numcodecs.Zstd().encode(bytes(128**3)) + numcodecs.Zstd().encode(bytes(200 << 20)),
        b"",
    ],
    ids=["10 TB", "64 GB", "200 MB", "a chunk and 200 MB", "nothing"],
)
def test_a_chunk_that_unpacks_to_more_than_a_chunk_is_refused(
    folded: Path, image: ImageReference, frame: bytes
) -> None:
    check = struct.pack("<I", google_crc32c.value(frame))
    chunk = folded / "annotation.zarr/labels/c/0/0/0"
    chunk.write_bytes(frame + check)
    with pytest.raises(Problem, match="damaged"):
        ProjectFolder(folded, image)
    prediction = folded / "prediction.zarr/labels/c/0/0/0"
    chunk.write_bytes(prediction.read_bytes())
    prediction.write_bytes(frame + check)
    again = ProjectFolder(folded, image)
    again.learned.read_prediction(np.zeros(image.shape, np.uint8))
    assert "prediction is damaged" in " ".join(again.notes)
    again.close()


def test_a_chunk_of_a_huge_file_is_not_read(folded: Path, image: ImageReference) -> None:
    with (folded / "annotation.zarr/labels/c/0/0/0").open("ab") as file:
        file.truncate(1 << 40)  # takes no room: it is all hole
    with pytest.raises(Problem, match="damaged"):
        ProjectFolder(folded, image)


@pytest.mark.parametrize("count", [HUGE, 2**60, 24 * 28 * 32])
def test_a_stroke_of_10_tb_is_no_stroke(tmp_path: Path, count: int) -> None:
    about = struct.pack("<QHHBBQ", 1, 0, 0, 0, 8, count)
    body = about + zlib.compress(bytes(1000))
    record = struct.pack("<4sII", b"\x89EDT", len(body), zlib.crc32(body)) + body
    long = struct.pack("<4sII", b"\x89EDT", 2**32 - 1, 0)
    (tmp_path / "journal").write_bytes(MAGIC + record + long)
    assert not read_journal(tmp_path / "journal", 24 * 28 * 32).records


def test_a_project_of_a_huge_image_is_refused(folded: Path, image: ImageReference) -> None:
    file = folded / "project.json"
    described = json.loads(file.read_text())
    del described["check"]
    for shape in ([2**20] * 3, [4096] * 3):
        described["image"]["shape"] = shape
        file.write_text(json.dumps(described))
        with pytest.raises(Problem, match=r"damaged|another image"):
            ProjectFolder(folded, image)


@given(st.binary(max_size=3000), st.integers(1, 9), st.booleans())
def test_a_frame_is_as_large_as_it_says(content: bytes, level: int, checksum: bool) -> None:
    frame = numcodecs.Zstd(level=level, checksum=checksum).encode(content)
    assert content_size(frame) == len(content)
    for other in (frame[:-1], frame + b"\0", frame + frame):
        with pytest.raises(ValueError):
            content_size(other)
