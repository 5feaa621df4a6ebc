"""Label layers as napari saves them: File > Save, with the image's geometry."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_densify.cases.export import Segmentation, as_structures
from napari_densify.cases.labels import check_labels
from napari_densify.cases.project import Label
from napari_densify.cases.spared import check_spares
from napari_densify.cases.volume import Volume
from napari_densify.ui.geometry import place_volume
from napari_densify.ui.layers import NAMES
from napari_densify.ui.picked import ROLE, array_of, source_of, sources_of

PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "metadata")


def write_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a label layer by the ending of a file name (npe2).

    A prediction of ours is written as other programs read it, 0 = background and 1… = structures;
    an annotation as it is, 0 = not annotated, 1 = background, 2… = structures.

    Raises
    ------
    Problem
        See `Segmentation.write`; also if the labels are not whole numbers up to 254, or if an
        image that is open would be replaced.
    """
    check_spares([Path(path)], sources_of(_layers()))
    place = {key: attributes[key] for key in PLACE if key in attributes}
    array = np.asarray(data[0] if attributes.get("multiscale") else data)
    name = str(attributes.get("name", "labels"))
    values = check_labels(array, array.shape, name)
    volume = place_volume(Volume(values, name=name), Labels(values, **place))
    classes = _classes(values, attributes)
    role, of, _ = attributes.get("metadata", {}).get(ROLE, ("", None, None))
    if role == "prediction":
        volume = volume.like(as_structures(values))
        classes = [c.model_copy(update={"label": c.label - 1}) for c in classes if c.label > 1]
    image = _image(of)
    written = Segmentation(
        volume,
        tuple(classes),
        # OME-Zarr keeps labels with their image; nothing else asks for it.
        _whole(image) if image is not None and path.lower().endswith(".zarr") else None,
        source_of(image) if image is not None else None,
    ).write(Path(path))
    return [str(file) for file in written]


def _classes(values: NDArray[np.uint8], attributes: dict[str, Any]) -> list[Label]:
    """What the layer knows of its labels: the names of a class table of ours, and colours."""
    names = attributes.get("metadata", {}).get(NAMES, {})
    colormap = attributes.get("colormap")
    classes = []
    for label in sorted({int(k) for k in np.unique(values) if k} | set(names)):
        colour = ""
        if isinstance(colormap, DirectLabelColormap) and label in colormap.color_dict:
            red, green, blue = np.round(np.asarray(colormap.color_dict[label])[:3] * 255)
            colour = f"#{int(red):02x}{int(green):02x}{int(blue):02x}"
        classes.append(Label(label=label, name=names.get(label, f"class {label}"), colour=colour))
    return classes


def _image(of: Any) -> Image | None:
    """The image layer that labels of ours are of."""
    images = (each for each in _layers() if isinstance(each, Image))
    return next((each for each in images if each.unique_id == of), None)


def _layers() -> Iterable[Layer]:
    viewer = napari.current_viewer()
    return viewer.layers if viewer is not None else ()


def _whole(image: Image) -> Volume | None:
    """An image that is a plain volume; of others the labels stand alone."""
    data = np.asarray(array_of(image))
    return place_volume(Volume(data, name=image.name), image) if data.ndim == 3 else None
