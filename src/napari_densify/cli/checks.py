"""What is refused before any work is done."""

from __future__ import annotations

import tempfile
from pathlib import Path

from napari_densify.cases.formats.whole import check_replaced
from napari_densify.cases.problem import Problem


def check_device(name: str) -> None:
    """Refuse early to work on a device that is not there.

    Raises
    ------
    Problem
    """
    from napari_densify.learn.device import pick_device

    pick_device(name)


def check_file_target(path: Path) -> None:
    """Refuse early to write a file where that cannot work.

    Raises
    ------
    Problem
        If the folder cannot be written, or the file would replace a folder that may hold anything.
    """
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            writable = not path.is_dir() or path.suffix == ".zarr"
    except OSError:
        writable = False
    if not writable:
        raise Problem(f"Cannot write {path}; choose a file in a folder that can be written.")
    check_replaced(path)
