"""Labels on disk that are written a chunk at a time: zarr groups with checksummed chunks.

A chunk is whole at every moment and lasts when it is written; chunks of zeros take no space. What
is read is believed only if the group is what this file would have made, so that no flipped bit in
its description can turn one volume into another.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.store import ByteRequest, Store
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore, MemoryStore

from napari_densify.cases import disk
from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box
from napari_densify.cases.edit import MARK
from napari_densify.cases.problem import Problem
from napari_densify.cases.volume import Shape
from napari_densify.cases.weight import ACCEPTED
from napari_densify.cases.zstandard import content_size

CHUNK = 128
"""Side of a chunk, each a file. A project with a thousand strokes all over a 512³ volume opens in
1.1 s, with chunks of 64³ in 1.7 s; and three slices of a 2048³ volume make 700 files, not 3,000."""
LARGEST = 2 * CHUNK**3
"""Bytes of a file at most: a chunk that cannot be compressed takes little more than its voxels."""
_DAMAGE = (OSError, ValueError, KeyError, TypeError, RuntimeError, MemoryError, IndexError)
"""What zarr and its codecs raise at files that are not what they were."""
_PASSING = (errno.EMFILE, errno.ENFILE, errno.EIO, errno.EAGAIN, errno.ETIMEDOUT, errno.ESTALE)
"""What says nothing about a file: it may be read later."""

MARKS = {"labels": "uint8", "rounds": "uint8", "wrong": "bool"}
"""What an annotation's store holds; as in `cases.edit.MARK`."""

Arrays = Mapping[str, NDArray[np.generic]]


class _LastingStore(LocalStore):
    """A folder in which every file is whole at every moment, and lasts once it is written.

    What is read is looked at before it is unpacked: a chunk never holds more than a chunk.
    """

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        file = self.root / key
        if file.is_file() and file.stat().st_size > LARGEST:
            raise ValueError("a file of no such size was ever written")
        value = await super().get(key, prototype, byte_range)
        if value is None or "/c/" not in key:
            return value
        # A checksum of four bytes follows what is compressed.
        if content_size(value.to_bytes()[:-4]) != CHUNK**3:
            raise ValueError("a chunk of another size")
        return value

    async def set(self, key: str, value: Buffer) -> None:
        file = self.root / key
        await asyncio.to_thread(disk.make_folder, file.parent)
        await asyncio.to_thread(disk.replace, file, value.to_bytes())

    async def delete(self, key: str) -> None:
        await asyncio.to_thread(disk.remove, self.root / key)


class LabelStore:
    """Arrays of one shape, one file a chunk.

    Parameters
    ----------
    path : Path
        A zarr group; made at the first `write`.
    shape : (3,) ints
        Size along z, y, x.
    fields : dict of name → type
        uint8 or bool.
    """

    def __init__(self, path: Path, shape: Shape, fields: Mapping[str, str]) -> None:
        self.path, self.shape, self.fields = path, shape, dict(fields)
        self._arrays: dict[str, zarr.Array[Any]] | None = None

    @property
    def exists(self) -> bool:
        """Whether anything was written yet; a group that was not finished never held a chunk."""
        described = all((self.path / name / "zarr.json").is_file() for name in self.fields)
        return described or any(self.path.glob("*/c/*"))

    def chunks_of(self, where: NDArray[np.int64]) -> set[tuple[int, int, int]]:
        """Where the chunks begin that hold these flat voxel indices (C order)."""
        grid = [-(-n // CHUNK) for n in self.shape]
        cell = np.ravel_multi_index(
            [axis // CHUNK for axis in np.unravel_index(where, self.shape)], grid
        )
        cells = np.stack(np.unravel_index(np.unique(cell), grid), axis=1) * CHUNK
        return {(int(z), int(y), int(x)) for z, y, x in cells}

    def chunks_in(self, box: Box) -> set[tuple[int, int, int]]:
        """Where the chunks begin that a box touches."""
        z, y, x = (
            range(a // CHUNK * CHUNK, b, CHUNK) for a, b in zip(box.start, box.stop, strict=True)
        )
        return set(itertools.product(z, y, x))

    def chunk(self, start: Iterable[int]) -> Box:
        """The chunk that begins there."""
        return Box.cut(list(start), [CHUNK] * 3, self.shape)

    def write(self, chunk: Box, values: Arrays) -> None:
        """Write a chunk of each field.

        Raises
        ------
        OSError
            If it cannot be written; each file is the old one or the new one.
        """
        if not self.exists:
            disk.make_folder(self.path)
            self._arrays = _create(_LastingStore(self.path), self.shape, self.fields)
        for name, array in self._open().items():
            array[chunk.slices] = values[name]

    def read(self, chunk: Box) -> dict[str, NDArray[np.generic]]:
        """Read a chunk of each field; zeros where nothing was written.

        Raises
        ------
        Problem
            If it is damaged.
        """
        try:
            return {name: np.asarray(a[chunk.slices]) for name, a in self._open().items()}
        except _DAMAGE as error:
            raise self._damaged(chunk) from error

    def written(self) -> list[Box]:
        """The chunks that were written, in order.

        Raises
        ------
        Problem
            If the description is not the one of such arrays.
        """
        if not self.exists:
            return []
        self._open()
        starts = set()
        for name in self.fields:
            for file in (self.path / name / "c").glob("*/*/*"):
                cell = file.relative_to(self.path / name / "c").parts
                if all(part.isdecimal() for part in cell):
                    starts.add(tuple(int(part) * CHUNK for part in cell))
        if any(s >= n for start in starts for s, n in zip(start, self.shape, strict=True)):
            raise self._damaged()
        return [self.chunk(start) for start in sorted(starts)]

    def _open(self) -> dict[str, zarr.Array[Any]]:
        """The arrays, if their description is the one that would be written now."""
        if self._arrays is None:
            try:
                store = _LastingStore(self.path)
                found = {k: zarr.open_array(store, path=k, mode="r+") for k in self.fields}
            except _DAMAGE as error:
                if isinstance(error, OSError) and error.errno in _PASSING:
                    raise
                raise self._damaged() from error
            wanted = _create(MemoryStore(), self.shape, self.fields)
            if any(found[k].metadata != wanted[k].metadata for k in self.fields):
                raise self._damaged()
            self._arrays = found
        return self._arrays

    def _damaged(self, chunk: Box | None = None) -> Problem:
        if chunk is None:
            return Problem(
                f"{self.path} is damaged; put it back from a backup. It was left as it is."
            )
        cell = "/".join(str(a // CHUNK) for a in chunk.start)
        return Problem(
            f"A piece of {self.path} is damaged (c/{cell}); put it back from a backup, or delete "
            "it to go on without what was painted there."
        )


def _create(store: Store, shape: Shape, fields: Mapping[str, str]) -> dict[str, zarr.Array[Any]]:
    group = zarr.open_group(store, mode="a")
    return {
        name: group.require_array(
            name,
            shape=shape,
            dtype=dtype,
            chunks=(CHUNK,) * 3,
            fill_value=0,
            compressors=[ZstdCodec(level=1), Crc32cCodec()],
            config={"write_empty_chunks": False},
        )
        for name, dtype in fields.items()
    }


def write_marks(store: LabelStore, annotation: Annotation, chunks: Iterable[Box]) -> None:
    """Write the annotation's marks in some chunks.

    Raises
    ------
    OSError
        If they cannot be written.
    """
    for chunk in chunks:
        marks = annotation.read(chunk)
        values = (marks[name] for name in ("label", "round", "wrong"))
        store.write(chunk, dict(zip(MARKS, values, strict=True)))


def read_marks(store: LabelStore, annotation: Annotation) -> None:
    """Add the stored marks to an annotation that has none where they are; its round is the latest.

    Raises
    ------
    Problem
        If they are damaged.
    """
    latest = 0
    for chunk in store.written():
        labels, rounds, wrong = store.read(chunk).values()
        # Flat, and as bool: that is eight times as fast as `nonzero` of the three axes.
        inside = np.flatnonzero(np.ascontiguousarray(labels).view(bool))
        marks = np.empty(inside.size, MARK)
        for name, values in (("label", labels), ("round", rounds), ("wrong", wrong)):
            marks[name] = values.reshape(-1)[inside]
        local = np.unravel_index(inside, labels.shape)
        zyx = [a + b for a, b in zip(local, chunk.start, strict=True)]
        annotation.load(np.ravel_multi_index(zyx, annotation.shape), marks)
        corrected = marks["round"][marks["round"] != ACCEPTED]
        latest = max(latest, int(corrected.max(initial=0)))
    annotation.round = latest
