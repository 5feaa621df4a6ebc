"""Every edit on disk before it counts: an append-only file of checksummed records.

The file begins with `MAGIC` and ends with `_END`: without that it was cut, even if just between two
records. What a record holds is in `cases.records`.

A record says what is there after the edit, so one that is applied twice changes nothing. That is
why the journal may hold edits that the store has too: the last ones stay in it for undo. Those are
good only together, because what was undone is done in one of them and taken back in another.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_densify.cases.disk import Appendable, replace, sync_folder
from napari_densify.cases.edit import MARK, Edit
from napari_densify.cases.problem import Problem
from napari_densify.cases.records import Record, decode, encode

MAGIC = b"DENSIFY2"
_END = b"\x89END"


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
    for start, after, record in decode(data, len(MAGIC), voxels):
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
