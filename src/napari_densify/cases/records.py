"""Edits as checksummed records of bytes.

Each record is a head (`_HEAD`: mark, length of the body, CRC-32 of the body) and a body: `_ABOUT`
(number, round before and after, flags, bytes of a gap, voxels) and a zlib stream of the gaps
between the sorted flat voxel indices, then label, round and wrong of each voxel before, and the
same after. All numbers are little-endian.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.edit import MARK, Edit
from napari_densify.cases.labels import LAST_LABEL
from napari_densify.cases.weight import ROUNDS

_MARK = b"\x89EDT"
_HEAD = struct.Struct("<4sII")
_ABOUT = struct.Struct("<QHHBBQ")
_UNDOES, _PAST = 1, 2
"""Flags of a record: it takes another edit back; the store has it, it is here for undo."""
_FIELDS = 3
"""Bytes of a mark in a record: label, round, wrong."""


@dataclass(frozen=True, eq=False)
class Record:
    """An edit and its number.

    Attributes
    ----------
    number : int
    edit : Edit
        Without voxels at the end of what is here for undo.
    past : bool
        Whether the store has it, and it is here for undo.
    """

    number: int
    edit: Edit
    past: bool = False


def encode(record: Record) -> bytes:
    """A record as bytes."""
    edit = record.edit
    gaps = np.diff(edit.where, prepend=0)
    # A brush's voxels lie close together: most gaps fit one byte.
    gaps = gaps.astype(np.min_scalar_type(int(gaps.max(initial=0))))
    marks = (m[name].tobytes() for m in (edit.before, edit.after) for name in MARK.names or ())
    # Level 1: 4 ms for a whole 512² slice and 24 kB; level 6 takes 8 ms for 12 kB.
    body = _ABOUT.pack(
        record.number,
        edit.round_before,
        edit.round_after,
        _UNDOES * edit.undoes | _PAST * record.past,
        gaps.dtype.itemsize,
        edit.where.size,
    ) + zlib.compress(gaps.astype(gaps.dtype.newbyteorder("<")).tobytes() + b"".join(marks), 1)
    return _HEAD.pack(_MARK, len(body), zlib.crc32(body)) + body


def decode(data: bytes, at: int, voxels: int) -> Iterator[tuple[int, int, Record]]:
    """The records that can be read from some byte on, with where each begins and ends.

    Parameters
    ----------
    data : bytes
    at : int
    voxels : int
        Size of the annotated volume: records of other volumes are not believed.
    """
    while (at := data.find(_MARK, at)) >= 0:
        record = None
        if at + _HEAD.size <= len(data):
            _, length, checksum = _HEAD.unpack_from(data, at)
            start = at + _HEAD.size
            body = memoryview(data)[start : start + length]
            if len(body) == length and zlib.crc32(body) == checksum:
                record = _read(body, voxels)
        if record is None:
            at += 1  # not the beginning of a record, or a damaged one: look for the next
            continue
        yield at, start + length, record
        at = start + length


def _read(body: memoryview, voxels: int) -> Record | None:
    """The record, or None if it is not one of a volume of that size."""
    if len(body) < _ABOUT.size:
        return None
    number, round_before, round_after, flags, width, count = _ABOUT.unpack_from(body)
    size = count * (width + 2 * _FIELDS)
    if width not in (1, 2, 4, 8) or count > voxels or max(round_before, round_after) >= ROUNDS:
        return None
    try:
        # Never more than what a record of that many voxels takes, whatever the stream holds.
        raw = zlib.decompressobj().decompress(body[_ABOUT.size :], size + 1)
    except zlib.error:
        return None
    if len(raw) != size:
        return None
    gaps = np.frombuffer(raw, f"<u{width}", count).astype(np.int64)
    where = np.cumsum(gaps)
    before, after = (_marks(raw[count * width :], count, i) for i in (0, 1))
    if count and (where[-1] >= voxels or where[0] < 0 or (gaps[1:] <= 0).any()):
        return None
    if max(before["label"].max(initial=0), after["label"].max(initial=0)) > LAST_LABEL:
        return None
    edit = Edit(where, before, after, round_before, round_after, bool(flags & _UNDOES))
    return Record(number, edit, bool(flags & _PAST))


def _marks(raw: bytes, count: int, which: int) -> NDArray[np.void]:
    """The marks before (0) or after (1) an edit."""
    planes = np.frombuffer(raw, np.uint8).reshape(2, _FIELDS, count)[which]
    marks = np.empty(count, MARK)
    marks["label"], marks["round"], marks["wrong"] = planes[0], planes[1], planes[2] > 0
    return marks
