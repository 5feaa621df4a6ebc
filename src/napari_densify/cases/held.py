"""A case's folder: found or made, held while it is written to, moved and let go."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from napari_densify.cases import disk, place
from napari_densify.cases.description import Description
from napari_densify.cases.hold import Hold
from napari_densify.cases.kept import KeptAnnotation
from napari_densify.cases.migrate import migrate
from napari_densify.cases.place import home_of
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import SUFFIX, Label, Project
from napari_densify.cases.reference import ImageReference
from napari_densify.cases.sizes import VoxelSize


class HeldFolder:
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
    holder : str
        Why it is read-only, as a sentence's end; empty if it can be written.
    notes : list of str
        What was not as it should be, in sentences for the user.

    Raises
    ------
    Problem
        If the project is of another image, damaged, of a newer version, or not there.
    """

    _described: Description
    _kept: KeptAnnotation

    def __init__(
        self, path: Path, image: ImageReference | None = None, classes: Iterable[Label] = ()
    ) -> None:
        self.path = path
        self.holder = ""
        self.notes: list[str] = []
        self._hold: Hold | None = None
        self._moving = self._closed = False
        self._made_here = False
        if self._is_there:
            self._find(image)
        elif image is None:
            raise Problem(f"{path} is not a Densify project; choose a NAME{SUFFIX} folder.")
        else:
            self._described = Description.of(path, image, tuple(classes))
            self._kept = KeptAnnotation(path, image.shape)
            if self.home != path:
                self._begin()

    @property
    def _is_there(self) -> bool:
        """A folder without any of these was never finished, and nothing in it ever counted."""
        names = ("project.json", "journal", "annotation.zarr")
        return any((self.path / name).exists() for name in names)

    @property
    def home(self) -> Path:
        """The project's folder; `path` itself for its first case."""
        return home_of(self.path)

    @property
    def description(self) -> Project:
        """The image it is for; classes and settings."""
        return self._described.value

    @property
    def voxels(self) -> VoxelSize:
        """What the project's network works on."""
        return self._described.voxels

    @property
    def exists(self) -> bool:
        """Whether anything was written yet."""
        return self.writable or self.read_only

    @property
    def writable(self) -> bool:
        """Whether it is there and ours to write to."""
        return self._kept.writing

    @property
    def read_only(self) -> bool:
        """Whether it is somebody else's to write to."""
        return bool(self.holder)

    def move(self, target: Path) -> None:
        """Give the project another name or place; everything goes along, all cases too.

        If its folder vanished, what this process knows of it is written there anew.

        Raises
        ------
        Problem
            If something is there, or it cannot be written; the project stays where it is then.
        """
        place.check_target(target, self.home)
        with self._kept.guard:
            self._require_ours()
            image = self._described.image_as_found()
            started = self.writable
            lost = started and not self.path.exists()
            if lost or not started or sys.platform == "win32":  # there no open file is renamed
                self._release()
            self._kept.close()
            if lost:
                self._go_to(target)
                self._described.place(image)
                self._create()
                self._kept.begin_with_all()
                return
            self._moving = started
        home = self.home
        try:
            if started:  # to another disk that may take long, and nobody must wait for the guard
                place.move(home, target)
            self._go_to(target / self.path.relative_to(home))
        finally:
            with self._kept.guard:
                self._moving = False
                # Held until now: what another window painted in the old place would be lost.
                self._release()
                if started:
                    self._take()
        with self._kept.guard:
            self._described.place(image)
            if started:
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
        with self._kept.guard:
            self._closed = True
            self._release()

    def _find(self, image: ImageReference | None) -> None:
        """Open what is there."""
        place.check_links(self.home)
        self._hold = Hold(self.home)
        self.holder = self._hold.take()
        try:
            with ExitStack() as undo:
                undo.callback(self._hold.release)
                if not self.read_only:
                    place.sweep(self.home)
                    if migrate(self.home):
                        self.notes.append("This project was brought up to the present version.")
                self._described = Description.read(self.path)
                if image is not None:
                    self._described.check(image)
                self._kept = KeptAnnotation(self.path, self.description.image.shape)
                undo.callback(self._kept.close)
                self.notes += self._kept.open(write=not self.read_only)
                if image is not None:
                    self._note_place(image)
                undo.pop_all()
        except OSError as error:
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
        self.path = self._described.folder = self._kept.folder = path

    def _make_ready(self) -> None:
        """Let it be written to, or refuse that; the guard is held.

        Raises
        ------
        Problem
        """
        self._require_ours()
        if self._moving or self._closed:
            now = "being moved; paint again in a moment" if self._moving else "closed; open it"
            raise Problem(f"{self.path.name} is {now}.")
        if not self.writable:
            self._create()

    def _create(self) -> None:
        """Make what was not there when this was opened."""
        try:
            disk.make_folder(self.path)
            self._hold_it()
            if self._is_there and not self._made_here:
                self._release()
                raise Problem(
                    f"{self.path.name} was begun in another window meanwhile; press Annotate again."
                )
            self._made_here = True
            self.description.write(self.path)
            self._kept.begin()
        except OSError as error:
            self._release()
            raise Problem(f"Cannot make {self.path}; is there room, and may you write?") from error

    def _take(self) -> None:
        """Hold the project and open the case's journal."""
        self._hold_it()
        self._kept.begin()

    def _hold_it(self) -> None:
        self._hold = Hold(self.home)
        holder = self._hold.take()
        if holder:
            raise Problem(f"{self.home.name} {holder}.")

    def _release(self) -> None:
        self._kept.close()
        if self._hold is not None:
            self._hold.release()
            self._hold = None

    def _require_ours(self) -> None:
        if self.read_only:
            raise Problem(f"{self.path.name} {self.holder}; nothing can be changed here.")
