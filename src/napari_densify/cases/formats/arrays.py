"""numpy's own files: values without geometry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_densify.cases.formats.room import check_room
from napari_densify.cases.project import Label
from napari_densify.cases.volume import Volume

SUFFIXES = (".npy",)


def read(path: Path) -> Volume:
    """Read an array; nothing in the file is executed."""
    # Mapped first: a header that says more than the file holds is found without taking memory.
    mapped = np.lib.format.open_memmap(path, mode="r")
    check_room(path.name, mapped.shape, mapped.dtype.itemsize, path.stat().st_size, packed=False)
    native = mapped.dtype.newbyteorder("=")
    return Volume(np.array(mapped, native), name=path.name)


def write(path: Path, volume: Volume, classes: Sequence[Label] = ()) -> None:
    """Write the bare array."""
    with path.open("wb") as file:
        np.save(file, volume.data)
