"""Files and folders that are complete or absent: written beside their place and moved there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_densify.cases.formats.ome_zarr import written_here
from napari_densify.cases.problem import Problem


def check_replaced(path: Path) -> None:
    """Refuse to replace a folder that may hold anything: only an OME-Zarr of ours gives way.

    Raises
    ------
    Problem
    """
    if path.is_dir() and not written_here(path):
        raise Problem(
            f"{path} is a folder that was not written here, or holds more than was; choose another "
            "name."
        )


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Where to write what shall be at `path`, with the same ending; moved there at the end.

    Raises
    ------
    Problem
        If it cannot be written; nothing is left of it then, and what was there stays.
    """
    partial = path.with_name(f".partial-{path.name.lower()}")
    try:
        check_replaced(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(partial)
        yield partial
        if path.is_dir():
            check_replaced(path)  # it may have been filled meanwhile
            shutil.rmtree(path)
        partial.replace(path)
    except (OSError, RuntimeError, EOFError) as error:
        raise Problem(f"Cannot write {path}; choose a folder that can be written.") from error
    finally:
        with suppress(OSError):
            _remove(partial)


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
