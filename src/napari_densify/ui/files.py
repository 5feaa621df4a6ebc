"""Image files as volumes, by our own readers or by those of napari's plugins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from napari.plugins.io import read_data_with_plugins

from napari_densify.cases.formats import is_volume, read_any
from napari_densify.cases.problem import Problem
from napari_densify.cases.volume import Volume


def read_images(file: Path) -> Iterator[Volume]:
    """The images of a file or folder, one reader after the other; slow, so not in the window.

    Readers differ in the order of the axes, and the user's may be any of them. Nothing is known yet
    of what the axes before the last three are, nor whether it can be learned from.

    Raises
    ------
    Problem
        If no reader can read it.
    """
    if not file.exists():
        raise Problem(f"There is no file {file}; check the name.")
    ours = is_volume(file)
    if ours:
        yield read_any(file)
    try:
        layers, _ = read_data_with_plugins([str(file)], stack=False)
    except Exception as error:
        if ours:
            return
        raise Problem(f"{file.name} cannot be read as an image; is it damaged?") from error
    for data, *rest in layers:
        kind = rest[1] if len(rest) > 1 else "image"
        array = data[0] if isinstance(data, list | tuple) else data
        if kind == "image" and array is not None and array.ndim >= 3:
            scale = (1.0, 1.0, 1.0, *(rest[0].get("scale", ()) if rest else ()))
            z, y, x = (abs(float(s)) or 1.0 for s in scale[-3:])
            yield Volume(array, (z, y, x), name=file.name)
