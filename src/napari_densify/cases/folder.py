"""A case that is being worked on: what a session writes as it goes, and finds again."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from napari_densify.cases import disk, place
from napari_densify.cases.annotation import Annotation
from napari_densify.cases.description import Description
from napari_densify.cases.edit import Edit
from napari_densify.cases.hold import Hold
from napari_densify.cases.journal import Journal, history, read_journal
from napari_densify.cases.learned import Learned
from napari_densify.cases.migrate import migrate
from napari_densify.cases.place import home_of
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import (
    SEALED,
    SUFFIX,
    ImageReference,
    Label,
    Learning,
    Project,
    schema_of,
)
from napari_densify.cases.snapshot import Snapshot, Snapshots
from napari_densify.cases.store import MARKS, LabelStore, write_marks
from napari_densify.cases.stored import notes_on, read_annotation
from napari_densify.cases.volume import Triple

FOLD_EDITS = 256
"""Edits after which the journal is folded into the store: opening a project takes 0.4 s for each
thousand of 256 voxels."""
FOLD_BYTES = 4 << 20
"""Or bytes."""


class ProjectFolder:
    """``NAME.densify/`` of one image; made at the first edit, found again after that.

    Further cases of a project lie in its folder ``cases/`` and are the same kind of folder, made
    at once. They share the project's models, classes and settings, and the right to write to it.

    Parameters
    ----------
    path : Path
        The folder; it need not exist.
    image : ImageReference, optional
        Which image it is for, with the path where that is now. Without one the project must be
        there, and `recognise` wants to be asked before anything is painted.
    classes : iterable of Label
        The class table, for a new project.

    Attributes
    ----------
    home : Path
        The project's folder; `path` itself for its first case.
    annotation : Annotation
        As it was stored; edits are applied to it by `commit`.
    holder : str
        Why it is read-only, as a sentence's end; empty if it can be written.
    notes : list of str
        What was not as it should be, in sentences for the user.

    Raises
    ------
    Problem
        If the project is of another image, damaged, of a newer version, or not there.
    """

    annotation: Annotation
    _described: Description

    def __init__(
        self,
        path: Path,
        image: ImageReference | None = None,
        classes: Iterable[Label] = (),
    ) -> None:
        self.path = path
        self.holder = ""
        self.notes: list[str] = []
        self.number = 0
        self._guard = threading.RLock()
        self._journal: Journal | None = None
        self._hold: Hold | None = None
        self._unfolded: list[Edit] = []
        self._folded_at = 0
        # A folder without any of these was never finished, and nothing in it ever counted.
        if any((path / name).exists() for name in ("project.json", "journal", "annotation.zarr")):
            self._find(image)
        elif image is None:
            raise Problem(f"{path} is not a Densify project; choose a NAME{SUFFIX} folder.")
        else:
            self._described = Description.of(path, image, tuple(classes))
            self.annotation = Annotation(image.shape)
            if self.home != path:
                self._begin()

    @property
    def home(self) -> Path:
        """See above."""
        return home_of(self.path)

    @property
    def description(self) -> Project:
        """The image it is for; classes and settings."""
        return self._described.value

    @property
    def spacing(self) -> Triple:
        """Voxel size along z, y, x that the project's network works on."""
        return self._described.spacing

    @property
    def exists(self) -> bool:
        """Whether anything was written yet."""
        return self.writable or self.read_only

    @property
    def writable(self) -> bool:
        """Whether it is there and ours to write to."""
        return self._journal is not None

    @property
    def read_only(self) -> bool:
        """Whether it is somebody else's to write to."""
        return bool(self.holder)

    @property
    def learned(self) -> Learned:
        """Models, prediction and curves."""
        return Learned(self.path, self.annotation.shape, self.notes)

    @property
    def snapshots(self) -> Snapshots:
        """Versions of the annotation that are kept."""
        return Snapshots(self.path / "snapshots", self.annotation.shape)

    def commit(self, edit: Edit) -> None:
        """Write an edit, and apply it to the annotation once it is on the disk.

        Raises
        ------
        Problem
            If it could not be written; nothing has changed then.
        """
        with self._guard:
            self._require_ours()
            journal = self._journal or self._create()
            if not journal.there:
                raise self._gone()
            journal.append(edit)
            self.number = journal.number
            self._unfolded.append(edit)
            self.annotation.apply(edit)

    @property
    def due(self) -> bool:
        """Whether the journal is long enough to be folded into the store."""
        with self._guard:
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
        with self._guard:
            if self._journal is None or not self._unfolded:
                return
            if not self._journal.there:
                raise disk.vanished(self.path)
            number, edits = self._journal.begin_rewrite(), self._unfolded
            past, round_ = self.annotation.history(), self.annotation.round
            self._unfolded = []
        store = self._store()
        try:
            kept = history(past, number, round_)
            starts = set().union(*(store.chunks_of(edit.where) for edit in edits))
            write_marks(store, self.annotation, map(store.chunk, sorted(starts)))
            with self._guard:
                if self._journal is not None:
                    self._journal.rewrite(kept)
                    self._folded_at = self._journal.length
        except OSError:
            with self._guard:
                self._unfolded = edits + self._unfolded
            raise

    def take_snapshot(self, name: str) -> Snapshot:
        """Keep the annotation as it is now under a name, or by itself if that is empty.

        Raises
        ------
        Problem
            If it cannot be written.
        """
        self._require_ours()
        with self._guard:
            if self._journal is not None and not self._journal.there:
                raise self._gone()
            everything, number = self.annotation.everything(), self.number
        return self.snapshots.save(everything, name, number)

    def describe(
        self,
        *,
        classes: Iterable[Label] | None = None,
        learning: Learning | None = None,
    ) -> None:
        """Keep the class table or the settings of learning.

        Raises
        ------
        Problem
            If they cannot be written.
        """
        table = None if classes is None else tuple(classes)
        with self._guard:
            changed = self._described.change(classes=table, learning=learning)
            if self._journal is not None and changed:
                self._described.write()

    def move(self, target: Path) -> None:
        """Give the project another name or place; everything goes along, all cases too.

        If its folder vanished, what this process knows of it is written there anew.

        Raises
        ------
        Problem
            If something is there, or it cannot be written; the project stays where it is then.
        """
        place.check_target(target)
        with self._guard:
            self._require_ours()
            found, home = self._described.find_image(), self.home
            image = self.description.image
            if found is not None:
                image = image.model_copy(update={"path": str(found)})
            started, lost = self.writable, self.writable and not self.path.exists()
            self._release()
            try:
                if started and not lost:
                    place.move(home, target)
                self._go_to(target / self.path.relative_to(home) if not lost else target)
            except OSError as error:
                raise Problem(
                    f"{home.name} cannot be moved to {target.parent} ({error.strerror}); it "
                    "stays where it is."
                ) from error
            finally:
                if started and not lost:
                    self._take()
            self._described.place(image)
            if lost:
                self._create()
                self._unfolded = [self.annotation.everything()]
                self.fold()
            elif started:
                self._described.write()

    def recognise(self, image: ImageReference) -> None:
        """Accept an image as the one that was painted on, wherever it is now.

        Raises
        ------
        Problem
            If its voxels are others, or its new place cannot be written down.
        """
        self._described.check(image)
        self._note_place(image)

    def close(self) -> None:
        """Let go of the files; another window may open the project then."""
        with self._guard:
            self._release()

    def _find(self, image: ImageReference | None) -> None:
        """Open what is there."""
        place.check_links(self.home)
        self._hold = Hold(self.home)
        self.holder = self._hold.take()
        try:
            if not self.read_only:
                place.sweep(self.home)
                if schema_of(self.home) < SEALED:
                    migrate(self.home)
                    self.notes.append("This project was brought up to the present version.")
            self._described = Description.read(self.path)
            if image is not None:
                self._described.check(image)
            self._read()
            if image is not None:
                self._note_place(image)
        except Problem:
            self._release()
            raise
        except OSError as error:
            self._release()
            raise Problem(
                f"{self.path} cannot be read ({error.strerror}); is its disk still there?"
            ) from error

    def _begin(self) -> None:
        """Make a further case, if the project is ours to add to."""
        self._hold = Hold(self.home)
        self.holder = self._hold.take()
        if not self.read_only:
            self._hold.release()
            self._create()

    def _note_place(self, image: ImageReference) -> None:
        """Write down where the image is now."""
        if self._described.place(image) and self.writable:
            self._described.write()

    def _go_to(self, path: Path) -> None:
        self.path = self._described.folder = path

    def _read(self) -> None:
        """Bring the annotation to the stored state, and the journal in order if it is ours."""
        path = self.path / "journal"
        self.annotation, found = read_annotation(self.path, self.description.image.shape)
        self._unfolded = [r.edit for r in found.current if r.edit.where.size] if found else []
        folded = found and any(record.past for record in found.records)
        if folded and not self._store().exists:
            raise Problem(
                f"{self.path / 'annotation.zarr'} is missing, and with it what was painted first; "
                "put it back from a backup. The project was left as it is."
            )
        self.notes += notes_on(found) if found else []
        if self.read_only:
            self.number = found.number if found else 0
            return
        if found and found.damaged:
            disk.replace(path.with_name("journal.damaged"), path.read_bytes())
        self._journal = Journal(path, found)
        self.number = self._journal.number

    def _create(self) -> Journal:
        try:
            disk.make_folder(self.path)
            self.description.write(self.path)
        except OSError as error:
            raise Problem(f"Cannot make {self.path}; is there room, and may you write?") from error
        return self._take()

    def _take(self) -> Journal:
        """Hold the project and open the case's journal."""
        self._hold = Hold(self.home)
        holder = self._hold.take()
        if holder:
            raise Problem(f"{self.home.name} {holder}.")
        path = self.path / "journal"
        found = read_journal(path, self._voxels) if path.exists() else None
        self._journal = Journal(path, found)
        self.number = self._journal.number
        return self._journal

    def _release(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        if self._hold is not None:
            self._hold.release()
            self._hold = None

    def _require_ours(self) -> None:
        if self.read_only:
            raise Problem(f"{self.path.name} {self.holder}; nothing can be changed here.")

    def _gone(self) -> Problem:
        return Problem(
            f"{self.path} is gone; put it back, or choose “Save as” to keep what was painted "
            "somewhere else."
        )

    @property
    def _voxels(self) -> int:
        return int(np.prod(self.annotation.shape, dtype=np.int64))

    def _store(self) -> LabelStore:
        return LabelStore(self.path / "annotation.zarr", self.annotation.shape, MARKS)
