"""Image layers as the volume that is learned from: which of them, which channels and frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from napari.layers import Image, Layer

from napari_densify.cases.choice import WHOLE, Axes, Choice
from napari_densify.cases.formats import PLAIN, voxel_size
from napari_densify.cases.problem import Problem
from napari_densify.cases.reference import ImageReference
from napari_densify.cases.volume import Volume, as_volume
from napari_densify.ui.geometry import lies_at, place_volume

ROLE = "napari-densify"
"""Key in the metadata of layers that we made."""
FILES = "napari-densify files"
"""Key in the metadata of layers that we made: the files that their volume was opened from, which
may be that of a layer that is not in the window any more."""
STRAIGHT = "straight"
"""What an image at an angle is shown straight by is to us; with the image's id, see `ROLE`."""
MOST_CHANNELS = 4
"""A fourth axis that is this short is taken for channels, a longer one for time."""
COLOURS = ("red", "green", "blue", "alpha")


def check_layer(layer: Layer | None) -> Image:
    """The layer, if it is an image that can be segmented.

    Raises
    ------
    Problem
        For no layer, and for other dimensions than three to five.
    """
    if not isinstance(layer, Image):
        raise Problem("Open a 3-D image first, then choose it here.")
    if not possible_axes(layer):
        raise Problem(
            f"“{layer.name}” is {layer.ndim}-D{' with colours' if layer.rgb else ''}; choose a "
            "3-D volume (z, y, x), with channels or frames before z at most."
        )
    return layer


def array_of(layer: Image) -> Any:
    """The layer's voxels as they lie there, of the finest level."""
    return layer.data[0] if layer.multiscale else layer.data


def possible_axes(layer: Image) -> list[Axes]:
    """What the axes of a layer's array can be, the likeliest first; none if it is no volume."""
    many = layer.ndim + layer.rgb
    fit = [a for a in get_args(Axes) if len(a) == many and a.endswith("c") == layer.rgb]
    named = [a for a in fit if _named(a, layer)]
    if not named and many == 4 and not layer.rgb and len(array_of(layer)) > MOST_CHANNELS:
        return ["tzyx", "czyx"]
    return named or fit


def _named(axes: Axes, layer: Image) -> bool:
    """Whether the layer's own labels of the axes before z say so."""
    names = layer.axis_labels[: layer.ndim - 3]
    return bool(names) and all(
        str(n).lower().startswith(a) for n, a in zip(names, axes, strict=False)
    )


def source_of(layer: Image) -> Path | None:
    """The file or folder that a layer was opened from, if it still is there."""
    path = Path(layer.source.path) if layer.source.path else None
    return path if path is not None and path.exists() else None


def sources_of(layers: Iterable[Layer]) -> list[Path]:
    """The files and folders that images among some layers, and what we made of others, are from."""
    found: list[Path] = []
    for layer in layers:
        source = source_of(layer) if isinstance(layer, Image) else None
        found += layer.metadata.get(FILES, ()) if source is None else [source]
    return found


def notes_on_size(layer: Image) -> list[str]:
    """What to say of a layer whose reader overlooked how large the voxels are in its file."""
    source, lead = source_of(layer), layer.ndim - 3
    if source is None or tuple(layer.scale[lead:]) != PLAIN:
        return []
    size = voxel_size(source)
    if size == PLAIN:
        return []
    scale = ", ".join(f"{each:g}" for each in (*layer.scale[:lead], *size))
    return [
        f"{source.name} names other voxels than the layer has, and other programs will take it at "
        "its word. To learn with those: Project > Close, type "
        f"viewer.layers[{layer.name!r}].scale = ({scale}) in napari's console, and press Annotate."
    ]


def shown_frame(axes: Axes, layer: Image, point: Sequence[float]) -> int:
    """The frame of a time series that is shown at a point of the world; 0 without frames."""
    return _shown_at(axes.index("t"), layer, point) if "t" in axes else 0


def shown_channel(choice: Choice, layer: Image, point: Sequence[float]) -> int:
    """Which of the chosen channels is shown at a point of the world, counted among them.

    The first one where no slider says which, or it shows one that is not among them.
    """
    if "c" not in choice.axes or layer.rgb:
        return 0
    shown = _shown_at(choice.axes.index("c"), layer, point)
    chosen = choice.channels or range(shown + 1)
    return chosen.index(shown) if shown in chosen else 0


def _shown_at(axis: int, layer: Image, point: Sequence[float]) -> int:
    """The position along a layer's axis that is shown at a point of the world."""
    position = round(float(layer.world_to_data(point[-layer.ndim :])[axis]))
    return min(max(position, 0), array_of(layer).shape[axis] - 1)


def alike(layer: Image, layers: Iterable[Layer]) -> list[Image]:
    """The layers that lie on a layer's grid and can be further channels, in their order.

    The layer itself is among them; what we made is not. One that shows another one's voxels
    straight takes its place, so that it is the same channel of the same volume.
    """

    def place(other: Image) -> tuple[object, ...]:
        steps = (np.zeros(other.ndim), np.ones(other.ndim))
        before = [other.data_to_world(step)[:-3] for step in steps]
        at = np.concatenate([*before, lies_at(other).ravel()])
        return (array_of(other).shape, *map(float, at.round(6)))

    def offered(other: Layer) -> bool:
        theirs = isinstance(other, Image) and not other.rgb and other.ndim == layer.ndim
        return theirs and (other is layer or ROLE not in other.metadata)

    images = [other for other in layers if offered(other)]
    role, original, _ = layer.metadata.get(ROLE, (None, None, None))
    shown = [n for n, other in enumerate(images) if other.unique_id == original]
    if role == STRAIGHT and shown:
        images.remove(layer)
        images[shown[0]] = layer
    return [other for other in images if other is layer or place(other) == place(layer)]


def like_project(layer: Image, kept: ImageReference, point: Sequence[float]) -> Picked:
    """The part of a layer that goes with a project's images: the same channels, the frame shown.

    Parameters
    ----------
    layer : Image
    kept : ImageReference
        The image of one of the project's cases.
    point : sequence of floats
        Where the viewer is, in the world.

    Raises
    ------
    Problem
        If the layer has no such part.
    """
    choice, shape = kept.choice, array_of(check_layer(layer)).shape
    if kept.stack or not choice.fits(shape):
        choice = Choice(possible_axes(layer)[0])
    return Picked((layer,), replace(choice, frame=shown_frame(choice.axes, layer, point)))


@dataclass(frozen=True)
class Picked:
    """What goes in: a part of one layer, or of several that are a channel each.

    Parameters
    ----------
    layers : tuple of Image
        On one grid; the first is where the case's layers are placed.
    choice : Choice
        The part of each.
    """

    layers: tuple[Image, ...]
    choice: Choice = WHOLE

    @property
    def layer(self) -> Image:
        """The layer that the case is of."""
        return self.layers[0]

    def parts(self) -> list[Any]:
        """What each layer brings along, as numpy arrays; slow for data on disk."""
        return [self.choice.take(array_of(layer), layer.name) for layer in self.layers]

    def read(self) -> Volume:
        """The volume; slow for data on disk.

        Raises
        ------
        Problem
            See `as_volume`.
        """
        parts = self.parts()
        data = parts[0] if len(parts) == 1 else np.stack(parts)
        volume = place_volume(as_volume(data, name=self.layer.name), self.layer)
        return replace(volume, choice=self.choice)
