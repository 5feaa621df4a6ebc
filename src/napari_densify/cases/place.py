"""Where projects lie: which folder is an image's, whether it can be written, how it moves."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from platformdirs import user_data_path

from napari_densify.cases import disk
from napari_densify.cases.formats import SUFFIXES, ending_of
from napari_densify.cases.names import free_name
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import SUFFIX, Project
from napari_densify.cases.reference import is_dicom
from napari_densify.cases.volume import Volume

CASES = "cases"
"""Folder of a project's further cases."""


def place_for(volume: Volume, source: Path | None, content: str) -> Path:
    """Where the project of an image lies: beside it, or in the user's data folder.

    Names that may be a patient's (of DICOM files and folders, and of layers without a file) do
    not become the project's. Each frame of a time series has its own. An image that is a case of
    a project beside it already goes on there.

    Parameters
    ----------
    volume : Volume
    source : Path or None
        The image's file or folder, if it came from one.
    content : str
        The image's `content_hash`.
    """
    if source is None or not os.access(source.parent, os.W_OK):
        return user_data_path("napari-densify") / (_name(None, content) + SUFFIX)
    frame = volume.choice.moment
    place = source.with_name(_name(source, content, frame) + SUFFIX)
    # An image's name ended at its first dot once.
    older = source.with_name(_of_frame(source.name.split(".")[0], frame) + SUFFIX)
    if place.exists():
        return place
    return older if is_of(older, content) else _case_beside(source, content) or place


def is_of(folder: Path, content: str) -> bool:
    """Whether a project is there and of that image, or cannot tell."""
    try:
        return folder.exists() and Project.read(folder).image.content == content
    except Problem:
        return True  # whoever opens it is told what is wrong with it


def _case_beside(source: Path, content: str) -> Path | None:
    """The further case that an image is of a project beside it."""
    for home in sorted(source.parent.glob(f"*{SUFFIX}")):
        with suppress(Problem):  # of others' damage whoever opens them is told
            if case := case_with(home, content):
                return case
    return None


def _name(source: Path | None, content: str, frame: int | None = None) -> str:
    if source is None or is_dicom(source):
        return f"volume-{content[:8]}"
    ending = ending_of(source, SUFFIXES) or source.suffix  # others are of other plugins' readers
    name = source.name[: len(source.name) - len(ending)] or source.name
    return _of_frame(name, frame)


def _of_frame(name: str, frame: int | None) -> str:
    return name if frame is None else f"{name}-frame{frame:04}"


def home_of(folder: Path) -> Path:
    """The project that a case's folder belongs to; a project of one case is its own home.

    Further cases lie in ``NAME.densify/cases/``, each a folder like a project's.
    """
    above = folder.absolute().parent
    home = above.parent
    inside = above.name == CASES and (home.suffix == SUFFIX or (home / "project.json").is_file())
    return home if inside else folder


def cases_of(home: Path) -> list[Path]:
    """The folders of a project's cases, the first one's, which is the project's, before others."""
    return [home, *sorted((home / CASES).glob(f"*{SUFFIX}"))]


def case_with(home: Path, content: str) -> Path | None:
    """The folder of the project's case of an image, if it has one.

    Parameters
    ----------
    home : Path
        The project.
    content : str
        The image's `content_hash`.
    """
    return next((f for f in cases_of(home) if Project.read(f).image.content == content), None)


def place_in(home: Path, source: Path | None, content: str, frame: int | None = None) -> Path:
    """Where a further case of a project lies: a name that none of its cases has.

    Parameters
    ----------
    home : Path
        The project.
    source, content
        See `place_for`.
    frame : int, optional
        Which one of a time series it is.
    """
    taken = [folder.name.removesuffix(SUFFIX) for folder in cases_of(home)]
    return home / CASES / (free_name(_name(source, content, frame), taken, "-") + SUFFIX)


def images_beside(project: Path) -> list[Path]:
    """What lies beside a project and may be its image: DICOM, whose names it does not keep."""
    return sorted(p for p in project.absolute().parent.iterdir() if is_dicom(p))


def check_target(folder: Path, moved: Path | None = None) -> None:
    """Refuse early to write a project where that cannot work or would destroy something else.

    Leaves nothing behind, not even the folders above it.

    Parameters
    ----------
    folder : Path
    moved : Path, optional
        The project that is to be moved there.

    Raises
    ------
    Problem
    """
    if folder.exists():
        raise Problem(f"{folder} exists already; choose another name.")
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError as error:
        raise Problem(f"Cannot write in {folder.parent}; choose another folder.") from error
    if moved is not None and folder.absolute().is_relative_to(moved.absolute()):
        raise Problem("A project cannot lie inside itself; choose another place.")


def check_links(folder: Path) -> None:
    """Refuse a project that leads out of its folder.

    Raises
    ------
    Problem
    """
    for path in _inside(folder):
        if path.is_symlink():
            raise Problem(
                f"{folder} holds a link ({path.name}) that may lead anywhere; replace it by what "
                "it points to, then open the project again."
            )


def sweep(folder: Path) -> None:
    """Remove what was being written when a process died; none of it ever counted."""
    for path in _inside(folder):
        if path.name.endswith(".partial"):
            path.unlink(missing_ok=True)


def move(folder: Path, target: Path) -> None:
    """Rename a project's folder, or where that is on another disk, copy it and remove it then.

    Raises
    ------
    Problem
        If it cannot be moved; it is where it was then.
    """
    try:
        disk.make_folder(target.parent)
        try:
            os.rename(folder, target)
        except OSError:
            if target.exists():
                raise
            _copy(folder, target)
            shutil.rmtree(folder)
        disk.sync_folder(target.parent)
    except OSError as error:
        raise Problem(
            f"{folder.name} cannot be moved to {target.parent} ({error.strerror}); it stays where "
            "it is."
        ) from error


def _copy(folder: Path, target: Path) -> None:
    """All of it or, where that cannot be, nothing."""
    try:
        shutil.copytree(folder, target)
        disk.sync_tree(target)
    except OSError:  # copytree's own errors are among them
        shutil.rmtree(target, ignore_errors=True)
        raise


def _inside(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(root, name)
