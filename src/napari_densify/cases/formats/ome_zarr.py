"""OME-Zarr 0.4 and 0.5: metadata through yaozarrs, voxels through zarr."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaozarrs
import zarr
from yaozarrs import v04, v05
from yaozarrs.write.v05 import write_image

from napari_densify.cases.formats.room import check_room
from napari_densify.cases.project import Label
from napari_densify.cases.units import in_one
from napari_densify.cases.volume import Volume

SUFFIXES = (".ome.zarr", ".zarr")
LABELS = "segmentation"
"""Name of the label image that we write."""
AFFINE = "napari-densify"
"""Key of our own attributes: OME-Zarr before 0.6 knows scale and translation, but no rotation."""
SPARSEST = 8
"""Of large arrays at least one chunk in so many must be there."""
LARGE = 2**28

Model = v04.Image | v05.Image


def read(path: Path) -> Volume:
    """Read the finest level of an image, or of the label image that the path leads to.

    Raises
    ------
    EOFError
        If the array is large and hardly there.
    Problem
        If it is larger than this machine's memory.
    ValueError
        If the path leads to something else than an image, or the image has no array.
    """
    group = yaozarrs.open_group(path)
    model = group.ome_metadata()
    if not isinstance(model, Model):
        raise ValueError("no image")
    multiscale = model.multiscales[0]
    dataset = multiscale.datasets[0]
    array = zarr.open_group(path, mode="r")[dataset.path]
    if not isinstance(array, zarr.Array):
        raise ValueError("no array")
    _check_size(path.name, array)
    axes = [axis.name for axis in multiscale.axes]
    scale, shift = _transform(multiscale, dataset)
    data = np.asarray(array[...])
    kept = [i for i, (axis, n) in enumerate(zip(axes, data.shape, strict=True)) if axis in "zyx"]
    many = [i for i, n in enumerate(data.shape) if i not in kept and n > 1]
    data = data.transpose(*many, *(i for i in range(data.ndim) if i not in (*many, *kept)), *kept)
    data = data.reshape(*(array.shape[i] for i in (*many, *kept)))
    factors, unit = in_one([getattr(multiscale.axes[i], "unit", None) or "" for i in kept])
    volume = Volume(data, name=path.name, unit=unit)
    if len(kept) != 3:
        return volume
    scale[kept] *= factors
    shift[kept] *= factors
    affine = np.eye(4)
    affine[:3, :3] = np.diag(scale[kept])
    affine[:3, 3] = shift[kept]
    ours = group.attrs.get(AFFINE, {}).get("affine")
    return volume.placed(affine if ours is None else np.array(ours, float))


def label_image(path: Path) -> Path:
    """The label image in an OME-Zarr image, the first if there are several; else the image."""
    folder = path / "labels"
    if not any((folder / name).exists() for name in ("zarr.json", ".zattrs")):
        return path
    group = zarr.open_group(folder, mode="r")
    ome: Any = group.attrs.get("ome", group.attrs)
    names = [str(name) for name in ome.get("labels", [])]
    return folder / names[0] if names else path


def written_here(folder: Path) -> bool:
    """Whether a folder holds nothing but what `write` leaves in one; an empty folder does, too."""
    inside, labels = _names(folder), _names(folder / "labels")
    if not inside <= {"zarr.json", "0", "labels"} or not labels <= {"zarr.json", LABELS}:
        return False
    try:
        return not inside or AFFINE in zarr.open_group(folder, mode="r").attrs
    except (OSError, ValueError, LookupError, TypeError):  # what zarr says of any other folder
        return False


def write(
    path: Path, volume: Volume, classes: Sequence[Label] = (), image: Volume | None = None
) -> None:
    """Write OME-Zarr 0.5: labels as a label image of their image, anything else as an image.

    Parameters
    ----------
    volume : Volume
        Labels where there are classes to name, else an image.
    classes : sequence of Label
    image : Volume, optional
        What the labels are of; without it they stand alone, as an image.
    """
    described = _describe(volume)
    extra = {AFFINE: {"affine": volume.affine.tolist()}}
    if image is None:
        write_image(
            path, v05.Image(**described), volume.data, extra_attributes=extra, writer="zarr"
        )
        return
    colours = [{"label-value": c.label, "rgba": [*c.rgb, 255]} for c in classes if c.rgb]
    names = [{"label-value": c.label, "name": c.name} for c in classes]
    about: dict[str, Any] = {"version": "0.5", "source": {"image": "../../"}}
    about |= {key: value for key, value in (("colors", colours), ("properties", names)) if value}
    labels = v05.LabelImage(**described, image_label=v05.ImageLabel.model_validate(about))
    write_image(
        path,
        v05.Image(**_describe(image)),
        image.data,
        labels={LABELS: (labels, volume.data)},
        extra_attributes=extra,
        writer="zarr",
    )
    written = zarr.open_group(path / "labels" / LABELS, mode="r+")
    # As it is said above: yaozarrs makes floats of the labels and leaves out their names.
    ome: Any = written.attrs["ome"]
    written.attrs["ome"] = {**ome, "image-label": about}
    written.attrs.update(extra)


def _names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()} if folder.is_dir() else set()


def _describe(volume: Volume) -> dict[str, Any]:
    many = volume.data.ndim == 4
    ones, zeros = ([1.0], [0.0]) if many else ([], [])
    space = [v05.SpaceAxis(name=name, unit=volume.unit or None) for name in "zyx"]
    flipped = np.diag(volume.direction) if volume.upright else np.ones(3)
    scale = v05.ScaleTransformation(scale=[*ones, *(flipped * volume.spacing)])
    shift = v05.TranslationTransformation(translation=[*zeros, *volume.origin])
    axes = [*([v05.ChannelAxis(name="c")] if many else []), *space]
    dataset = v05.Dataset(path="0", coordinateTransformations=[scale, shift])
    return {"multiscales": [v05.Multiscale(name=None, axes=axes, datasets=[dataset])]}


def _transform(multiscale: Any, dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    """Scale and translation of every axis: the level's own, then those of all levels."""
    scale, shift = np.ones(len(multiscale.axes)), np.zeros(len(multiscale.axes))
    for each in (*dataset.coordinateTransformations, *(multiscale.coordinateTransformations or ())):
        if each.type == "scale":
            scale, shift = scale * each.scale, shift * each.scale
        else:
            shift = shift + each.translation
    return scale, shift


def _check_size(name: str, array: zarr.Array[Any]) -> None:
    """Refuse an array that is too large, or large and hardly there."""
    size = math.prod(array.shape) * array.dtype.itemsize
    check_room(name, array.shape, array.dtype.itemsize, size)
    if size > LARGE and array.nchunks_initialized * SPARSEST < array.nchunks:
        raise EOFError(f"{array.nchunks_initialized} of {array.nchunks} chunks")
