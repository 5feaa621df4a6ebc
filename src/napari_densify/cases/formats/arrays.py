"""numpy's own files: values without geometry."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_densify.cases.volume import Volume

SUFFIXES = (".npy",)


def read(path: Path) -> Volume:
    """Read an array; nothing in the file is executed."""
    with path.open("rb") as file:
        return Volume(np.lib.format.read_array(file, allow_pickle=False), name=path.name)


def write(path: Path, labels: Volume) -> None:
    """Write the bare array."""
    with path.open("wb") as file:
        np.save(file, labels.data)
