"""A project that is being worked on: what a session writes as it goes, and finds again."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from platformdirs import user_data_path

from napari_densify.cases.annotation import Edit
from napari_densify.cases.journal import Journal
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import SUFFIX, ImageReference, Label, Project, read_annotation
from napari_densify.cases.volume import Volume


class ProjectFolder:
    """``NAME.densify/`` of one image; made at the first edit, found again after that.

    Parameters
    ----------
    path : Path
        The folder; it need not exist.
    image : ImageReference
        Which image it is for.
    classes : list of Label
        The class table, for a new project.

    Attributes
    ----------
    edits : list of Edit
        What brings an empty annotation to the stored state.
    torn : bool
        Whether a half-written stroke was dropped from the end.

    Raises
    ------
    Problem
        If the project is of another image, damaged, or open elsewhere.
    """

    def __init__(self, path: Path, image: ImageReference, classes: list[Label]) -> None:
        self.path = path
        self.description = Project(image=image, classes=classes)
        self.edits: list[Edit] = []
        self.torn = False
        self._voxels = int(np.prod(image.shape))
        self._journal: Journal | None = None
        self._lock: FileLock | None = None
        if path.exists():
            self.description = Project.read(path)
            if self.description.image.content != image.content:
                raise Problem(f"{path} belongs to another image; rename it, then try again.")
            self._open()

    @property
    def exists(self) -> bool:
        """Whether anything was written yet."""
        return self._journal is not None

    @property
    def model(self) -> bytes | None:
        """The model saved last (safetensors), or None."""
        file = self.path / "model" / "latest.safetensors"
        return file.read_bytes() if file.is_file() else None

    def append(self, edit: Edit) -> None:
        """Write an edit; it is on the disk when this returns.

        Raises
        ------
        Problem
            If it could not be written; nothing has changed then.
        """
        if self._journal is None:
            self._create()
        assert self._journal is not None
        self._journal.append(edit)

    def save_model(self, model: bytes) -> None:
        """Keep a model in the place of the one before; the file is never half-written."""
        if self._journal is not None:
            folder = self.path / "model"
            folder.mkdir(exist_ok=True)
            _replace(folder / "latest.safetensors", model)

    def forget_model(self) -> None:
        """Throw the saved model away."""
        (self.path / "model" / "latest.safetensors").unlink(missing_ok=True)

    def save_classes(self, classes: list[Label]) -> None:
        """Keep the class table."""
        self.description = self.description.model_copy(update={"classes": classes})
        if self._journal is not None:
            self._save_description()

    def close(self) -> None:
        """Let go of the files; another window may open the project then."""
        if self._journal is not None:
            self._journal.close()
        if self._lock is not None:
            self._lock.release()
        self._journal = self._lock = None

    def _create(self) -> None:
        try:
            self.path.mkdir(parents=True)
            self._save_description()
        except OSError as error:
            raise Problem(f"Cannot make {self.path}; is there room, and may you write?") from error
        self._open()

    def _open(self) -> None:
        # The system drops the lock of a process that died, so a stale one does not block.
        self._lock = FileLock(self.path / "lock", thread_local=False)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise Problem(
                f"{self.path} is open in another window; close it there first."
            ) from error
        try:
            self._journal = Journal(self.path / "journal", self._voxels)
            if (self.path / "annotation.zarr").exists():
                self.edits = [read_annotation(self.path, self.description)]
        except Problem:
            self._lock.release()
            raise
        self.edits += self._journal.edits
        self.torn = self._journal.torn > 0

    def _save_description(self) -> None:
        text = self.description.model_dump_json(indent=2)
        _replace(self.path / "project.json", text.encode())


def place_for(volume: Volume, source: Path | None, content: str) -> Path:
    """Where the project of an image lies: beside it, or in the user's data folder.

    Parameters
    ----------
    volume : Volume
    source : Path or None
        The image's file or folder, if it came from one.
    content : str
        The image's `content_hash`, which tells apart images of one name without a file.
    """
    if source is not None and os.access(source.parent, os.W_OK):
        return source.with_name(source.name.split(".")[0] + SUFFIX)
    name = "".join(c if c.isalnum() else "-" for c in volume.name)
    return user_data_path("napari-densify") / f"{name}-{content[:8]}{SUFFIX}"


def content_hash(volume: Volume) -> str:
    """SHA-256 of the voxels, their type and shape, as hexadecimal digits."""
    data = np.ascontiguousarray(volume.data)
    digest = hashlib.sha256(f"{data.dtype.str}{data.shape}".encode())
    digest.update(data.view(np.uint8).reshape(-1).data)
    return digest.hexdigest()


def _replace(file: Path, content: bytes) -> None:
    """Write a file whole: it is the old one or the new one, at every moment."""
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as partial:
        partial.write(content)
        partial.flush()
        os.fsync(partial.fileno())
    Path(partial.name).replace(file)
