"""Every edit on disk before it counts: an append-only file of checksummed records.

The file begins with `MAGIC`. Each record is the length and the CRC-32 of its body (two
little-endian 32-bit integers), then the body: an .npz archive with ``where`` (first differences
of the sorted flat voxel indices), ``before`` and ``after`` (`MARK`), ``rounds`` (before, after) and
``undoes``.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from napari_densify.cases.annotation import MARK, Edit
from napari_densify.cases.problem import Problem

MAGIC = b"DENSIFY1"
_HEAD = struct.Struct("<II")


class Journal:
    """The edits of one annotation, in order.

    Opening one cuts a torn last record off: the stroke it belonged to never counted.

    Parameters
    ----------
    path : Path
        Made if it does not exist; its folder must.
    voxels : int
        Size of the annotated volume.

    Attributes
    ----------
    edits : list of Edit
        What was there when it was opened.
    torn : int
        Bytes that were cut off then.

    Raises
    ------
    Problem
        If the file is no journal, or cannot be written.
    """

    def __init__(self, path: Path, voxels: int) -> None:
        self.path = path
        try:
            new = not path.exists()
            # Unbuffered: nothing of a refused record may come out later.
            self._file = path.open("ab+", buffering=0)
            if new:
                self._write(MAGIC)
                _sync_folder(path.parent)
            self._file.seek(0)
            self.edits, length, whole = _read(self._file, path, voxels)
            self.torn = whole - length
            if self.torn:
                self._file.truncate(length)
                os.fsync(self._file.fileno())
        except OSError as error:
            raise Problem(f"Cannot write {path}; choose a folder that can be written.") from error

    def append(self, edit: Edit) -> None:
        """Write an edit; it is on the disk when this returns.

        Raises
        ------
        Problem
            If it could not be written, for instance because the disk is full. The file is as it
            was before.
        """
        body = _encode(edit)
        end = self._file.seek(0, os.SEEK_END)
        try:
            self._write(_HEAD.pack(len(body), zlib.crc32(body)) + body)
        except OSError as error:
            self._file.truncate(end)
            raise Problem(
                f"The stroke could not be saved in {self.path.parent} ({error.strerror}); "
                "make room there, then paint it again."
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, data: bytes) -> None:
        while data:
            data = data[self._file.write(data) :]
        os.fsync(self._file.fileno())


def _read(file: io.FileIO, path: Path, voxels: int) -> tuple[list[Edit], int, int]:
    """The edits, where the last whole record ends, and where the file ends."""
    data = file.read()
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise Problem(f"{path} is not a Densify journal; it was left as it is.")
    if len(data) < len(MAGIC):
        file.truncate(0)
        file.write(MAGIC)
        return [], len(MAGIC), len(MAGIC)
    edits, end = [], len(MAGIC)
    for body, after in _bodies(data):
        edit = _decode(body, voxels)
        if edit is None:
            break
        edits.append(edit)
        end = after
    return edits, end, len(data)


def _bodies(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Bodies of the whole and unharmed records, with where each ends."""
    at = len(MAGIC)
    while at + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, at)
        start = at + _HEAD.size
        at = start + length
        body = data[start:at]
        if len(body) < length or zlib.crc32(body) != checksum:
            return
        yield body, at


def _encode(edit: Edit) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        where=np.diff(edit.where, prepend=0),
        before=edit.before,
        after=edit.after,
        rounds=np.array([edit.round_before, edit.round_after]),
        undoes=np.array(edit.undoes),
    )
    return buffer.getvalue()


def _decode(body: bytes, voxels: int) -> Edit | None:
    """The edit, or None if the record is not one of a volume of that size."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            # Sizes first: what a record claims to unpack to must not be believed blindly.
            if sum(entry.file_size for entry in archive.infolist()) > 16 * voxels + 4096:
                return None
        with np.load(io.BytesIO(body), allow_pickle=False) as parts:
            where = np.cumsum(parts["where"], dtype=np.int64)
            before, after = parts["before"], parts["after"]
            round_before, round_after = (int(r) for r in parts["rounds"])
            undoes = bool(parts["undoes"])
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError):
        return None
    fits = where.shape == before.shape == after.shape and before.dtype == after.dtype == MARK
    if not fits or (where.size and not 0 <= where.min() <= where.max() < voxels):
        return None
    return Edit(where, before, after, round_before, round_after, undoes)


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder last, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
