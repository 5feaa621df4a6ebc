"""Every edit on disk before it counts: an append-only file of checksummed records.

The file begins with `MAGIC` and ends with `_END`: without that it was cut, even if just between two
records. Each record is a head (`_HEAD`: mark, length of the body, CRC-32 of the body) and a body:
`_ABOUT` (number, round before and after, flags, bytes of a gap, voxels) and a zlib stream of the
gaps between the sorted flat voxel indices, then label, round and wrong of each voxel before, and
the same after. All numbers are little-endian.

A record says what is there after the edit, so one that is applied twice changes nothing. That is
why the journal may hold edits that the store has too: the last ones stay in it for undo. Those are
good only together, because what was undone is done in one of them and taken back in another.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.disk import Appendable, replace, sync_folder
from napari_densify.cases.edit import LAST_LABEL, MARK, Edit
from napari_densify.cases.problem import Problem
from napari_densify.cases.weight import ROUNDS

MAGIC = b"DENSIFY2"
_MARK = b"\x89EDT"
_END = b"\x89END"
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


@dataclass(frozen=True, eq=False)
class Found:
    """What a journal holds.

    Attributes
    ----------
    records : list of Record
        Those that can be read.
    end : int
        Where the last of them ends.
    torn : bool
        Whether the file does not end there as it should: a stroke that never counted follows, or
        the file was cut.
    damaged : bool
        Whether something before the end cannot be read.
    past_lost : bool
        Whether that is some of what is here for undo; then none of it can be used.
    """

    records: list[Record]
    end: int
    torn: bool
    damaged: bool
    past_lost: bool = False

    @property
    def current(self) -> list[Record]:
        """The records that bring the store's state to the present one."""
        return [r for r in self.records if not (self.past_lost and r.past and r.edit.where.size)]

    @property
    def number(self) -> int:
        """Number of the last edit."""
        return max((record.number for record in self.records), default=0)

    @property
    def missing(self) -> int:
        """Edits that must have been there, as the numbers around them are."""
        numbers = [record.number for record in self.records]
        return sum(max(b - a - 1, 0) for a, b in itertools.pairwise(numbers))


def read_journal(path: Path, voxels: int) -> Found:
    """Read what can be read; changes nothing.

    Parameters
    ----------
    path : Path
    voxels : int
        Size of the annotated volume: records of other volumes are not believed.

    Raises
    ------
    Problem
        If the file is no journal.
    """
    data = path.read_bytes()
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise Problem(f"{path} is not a Densify journal; it was left as it is.")
    records, end, damaged, past_lost = [], min(len(MAGIC), len(data)), False, False
    for start, after, record in _records(data, voxels):
        damaged |= start > end
        records.append(record)
        end = after
        if record.past:
            # The last of them, which has no voxels, says that all before it were read.
            past_lost = damaged or record.edit.where.size > 0
    return Found(records, end, data[end:] != _END, damaged or past_lost, past_lost)


class Journal:
    """A journal that is written to.

    What was torn off the last record when the power went is cut off: it never counted. A damaged
    file is replaced by one of what can be read; keep it before, under another name.

    Parameters
    ----------
    path : Path
        Made if it does not exist; its folder must.
    found : Found, optional
        What `read_journal` found in it.

    Attributes
    ----------
    number : int
        Of the last edit.

    Raises
    ------
    Problem
        If it cannot be written.
    """

    def __init__(self, path: Path, found: Found | None = None) -> None:
        self.path = path
        self.number = found.number if found else 0
        try:
            if not path.exists() or path.stat().st_size < len(MAGIC):
                replace(path, whole(b""))
            elif found and found.damaged:
                replace(path, whole(b"".join(map(encode, found.current))))
            self._file = Appendable(path, _END)
            if found and found.torn and not found.damaged:
                self._file.cut(max(found.end, len(MAGIC)))
        except OSError as error:
            raise Problem(f"Cannot write {path}; choose a folder that can be written.") from error
        self._written: list[bytes] | None = None
        self._name_lasts = True

    @property
    def length(self) -> int:
        """Bytes."""
        return self._file.length

    def append(self, edit: Edit) -> None:
        """Write an edit; it is on the disk when this returns.

        Raises
        ------
        Problem
            If it could not be written, for instance because the disk is full. The file is as it
            was before.
        """
        record = encode(Record(self.number + 1, edit))
        try:
            if not self._name_lasts:
                sync_folder(self.path.parent)
                self._name_lasts = True
            self._file.append(record)
        except OSError as error:
            raise Problem(
                f"The stroke could not be saved in {self.path.parent} ({error.strerror}); "
                "make room there, then paint it again."
            ) from error
        self.number += 1
        if self._written is not None:
            self._written.append(record)

    @property
    def there(self) -> bool:
        """Whether its name still stands for it: it is neither removed nor replaced."""
        return self._file.there

    def begin_rewrite(self) -> int:
        """Remember what is appended from now on; the number of the last edit before that."""
        self._written = []
        return self.number

    def rewrite(self, history: bytes) -> None:
        """Take `history` and what was appended since `begin_rewrite` for the whole journal.

        Raises
        ------
        OSError
            If it cannot be written; the journal is as it was then.
        """
        # Closed first, for systems that do not replace an open file.
        self._file.close()
        self._name_lasts = False
        try:
            replace(self.path, whole(history + b"".join(self._written or ())))
            self._name_lasts = True
        finally:
            self._written = None
            self._file = Appendable(self.path, _END)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def history(edits: Iterable[Edit], number: int, round_: int) -> bytes:
    """Records that bring back undo and redo of an annotation whose marks lie in the store.

    Parameters
    ----------
    edits : iterable of Edit
        `Annotation.history`.
    number, round_ : int
        Of the annotation; kept even if there is nothing to undo.
    """
    nothing = np.empty(0, MARK)
    last = Edit(np.empty(0, np.int64), nothing, nothing, round_, round_)
    return b"".join(encode(Record(number, edit, True)) for edit in (*edits, last))


def whole(records: bytes) -> bytes:
    """The content of a journal of these records."""
    return MAGIC + records + _END


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


def _records(data: bytes, voxels: int) -> Iterator[tuple[int, int, Record]]:
    """The records that can be read, with where each begins and ends."""
    at = len(MAGIC)
    while (at := data.find(_MARK, at)) >= 0:
        record = None
        if at + _HEAD.size <= len(data):
            _, length, checksum = _HEAD.unpack_from(data, at)
            start = at + _HEAD.size
            body = memoryview(data)[start : start + length]
            if len(body) == length and zlib.crc32(body) == checksum:
                record = _decode(body, voxels)
        if record is None:
            at += 1  # not the beginning of a record, or a damaged one: look for the next
            continue
        yield at, start + length, record
        at = start + length


def _decode(body: memoryview, voxels: int) -> Record | None:
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
