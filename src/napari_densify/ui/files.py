"""Image files as volumes, by our own readers or by those of napari's plugins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from napari.plugins.io import read_data_with_plugins

from napari_densify.cases.formats import SUFFIXES, read_volume
from napari_densify.cases.problem import Problem
from napari_densify.cases.volume import Volume, as_volume


def read_images(file: Path) -> Iterator[Volume]:
    """The 3-D images of a file or folder, one reader after the other; slow, so not in the window.

    Readers differ in the order of the axes, and the user's may be any of them.

    Raises
    ------
    Problem
        If no reader can read it.
    """
    if not file.exists():
        raise Problem(f"There is no file {file}; check the name.")
    ours = file.name.lower().endswith(SUFFIXES)
    if ours:
        yield read_volume(file)
    try:
        layers, _ = read_data_with_plugins([str(file)], stack=False)
    except Exception as error:
        if ours:
            return
        raise Problem(f"{file.name} cannot be read as an image; is it damaged?") from error
    for data, *rest in layers:
        kind = rest[1] if len(rest) > 1 else "image"
        array = data[0] if isinstance(data, list | tuple) else data
        if kind == "image" and array is not None and array.ndim == 3:
            scale = rest[0].get("scale", (1.0,) * 3) if rest else (1.0,) * 3
            yield as_volume(np.asarray(array), tuple(scale), file.name)
