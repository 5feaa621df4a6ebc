"""An annotation on the disk: every edit in a journal, which is folded into a store."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from napari_densify.cases import disk
from napari_densify.cases.annotation import Annotation
from napari_densify.cases.edit import Edit
from napari_densify.cases.journal import Found, Journal, history, read_journal
from napari_densify.cases.problem import Problem
from napari_densify.cases.store import MARKS, LabelStore, write_marks
from napari_densify.cases.stored import notes_on, read_annotation
from napari_densify.cases.volume import Shape

FOLD_EDITS = 256
"""Edits after which the journal is folded into the store: opening a project takes 0.4 s for each
thousand of 256 voxels."""
FOLD_BYTES = 4 << 20
"""Or bytes."""


class KeptAnnotation:
    """Writes edits to a case's folder before they count; nothing before `open` or `begin`.

    Parameters
    ----------
    folder : Path
        The case's.
    shape : (3,) ints
        The volume's size along z, y, x.

    Attributes
    ----------
    annotation : Annotation
        As it was stored; edits are applied to it by `commit`.
    number : int
        Of the last edit.
    guard : threading.RLock
        While it is held nothing is committed, and no journal is exchanged.
    """

    def __init__(self, folder: Path, shape: Shape) -> None:
        self.folder, self.annotation = folder, Annotation(shape)
        self.number = 0
        self.guard = threading.RLock()
        self._journal: Journal | None = None
        self._unfolded: list[Edit] = []
        self._folded_at = 0

    @property
    def writing(self) -> bool:
        """Whether edits can be committed now."""
        return self._journal is not None

    def open(self, write: bool) -> list[str]:
        """Bring the annotation to the stored state; to write also brings the journal in order.

        Returns
        -------
        list of str
            What was not as it should be, in sentences.

        Raises
        ------
        Problem
            If what is stored cannot be used.
        """
        self.annotation, found = read_annotation(self.folder, self.annotation.shape)
        self._unfolded = [r.edit for r in found.current if r.edit.where.size] if found else []
        folded = found and any(record.past for record in found.records)
        if folded and not self._store().exists:
            raise Problem(
                f"{self.folder / 'annotation.zarr'} is missing, and with it what was painted "
                "first; put it back from a backup. The project was left as it is."
            )
        self.number = found.number if found else 0
        if write:
            if found and found.damaged:
                damaged = self._path.with_name("journal.damaged")
                disk.replace(damaged, self._path.read_bytes())
            self._write_to(found)
        return notes_on(found, write) if found else []

    def begin(self) -> None:
        """Write to a folder that is new, or has been moved."""
        voxels = int(np.prod(self.annotation.shape, dtype=np.int64))
        self._write_to(read_journal(self._path, voxels) if self._path.exists() else None)

    def begin_with_all(self) -> None:
        """Write what is annotated to a folder that holds nothing of it."""
        self._unfolded = [self.annotation.everything()]
        self.fold()

    def close(self) -> None:
        """Let go of the journal."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def commit(self, edit: Edit) -> None:
        """Write an edit, and apply it to the annotation once it is on the disk.

        Raises
        ------
        Problem
            If it could not be written; nothing has changed then.
        """
        with self.guard:
            self.require_there()
            assert self._journal is not None
            self._journal.append(edit)
            self.number = self._journal.number
            self._unfolded.append(edit)
            self.annotation.apply(edit)

    @property
    def due(self) -> bool:
        """Whether the journal is long enough to be folded into the store."""
        with self.guard:
            if self._journal is None:
                return False
            more = self._journal.length - self._folded_at
            return len(self._unfolded) >= FOLD_EDITS or more >= FOLD_BYTES

    def fold(self) -> None:
        """Bring the journal's edits into the annotation's store; the last ones stay for undo.

        May run while another thread commits: marks of later edits in the store do no harm, for
        the journal has those edits, and they are applied again when the project is opened.

        Raises
        ------
        OSError
            If that cannot be written; the journal still has everything then.
        """
        with self.guard:
            if self._journal is None or not self._unfolded:
                return
            if not self._journal.there:
                raise disk.vanished(self.folder)
            number, edits = self._journal.begin_rewrite(), self._unfolded
            past, round_ = self.annotation.history(), self.annotation.round
            self._unfolded = []
        store = self._store()
        try:
            kept = history(past, number, round_)
            # One at least: a journal with a past and no store is a store that went missing.
            first = set() if store.exists else {(0, 0, 0)}
            starts = first.union(*(store.chunks_of(edit.where) for edit in edits))
            write_marks(store, self.annotation, map(store.chunk, sorted(starts)))
            with self.guard:
                if self._journal is not None:
                    self._journal.rewrite(kept)
                    self._folded_at = self._journal.length
        except BaseException:  # whatever it was, the journal must not be written without them
            with self.guard:
                self._unfolded = edits + self._unfolded
            raise

    def require_there(self) -> None:
        """Refuse to go on in a folder that vanished.

        Raises
        ------
        Problem
        """
        if self._journal is not None and not self._journal.there:
            raise Problem(
                f"{self.folder} is gone; put it back, or choose “Save as” to keep what was "
                "painted somewhere else."
            )

    @property
    def _path(self) -> Path:
        return self.folder / "journal"

    def _write_to(self, found: Found | None) -> None:
        self._journal = Journal(self._path, found)
        self.number = self._journal.number

    def _store(self) -> LabelStore:
        return LabelStore(self.folder / "annotation.zarr", self.annotation.shape, MARKS)
