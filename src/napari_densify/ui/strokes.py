"""Strokes of napari's labels layers: making one, and what one changed, as they keep it for undo."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from napari.layers import Labels, Layer
from napari.utils.notifications import show_info
from numpy.typing import NDArray

from napari_densify.cases.box import Box
from napari_densify.cases.edit import Edit

Step = tuple[tuple[NDArray[np.int64], ...], NDArray[np.uint8], NDArray[np.uint8]]
"""What napari keeps of a step for undo: indices along z, y, x, and labels before and after. It
offers no way to say this; the tuple is the oldest form of its history atoms."""
BEYOND = "No slice of the volume is shown here; move the slider back to it first."
"""What is said to who paints, or acts on a slice, in a canvas that shows none."""
TOOLS = ("paint", "fill", "erase", "polygon")
"""Modes of a labels layer in which a press of the mouse changes labels."""


def paint(layer: Labels, where: NDArray[np.int64], labels: NDArray[np.uint8] | int) -> None:
    """Label voxels of a layer as one stroke, whether it can be seen or not.

    Parameters
    ----------
    layer : Labels
    where : (n,) int64
        Flat indices (C order).
    labels : (n,) uint8 or int
    """
    if not layer.visible:
        # It was not sliced anew when the view was turned, but napari draws on its slice.
        layer.set_view_slice()
    voxels = np.unravel_index(where, layer.data.shape)
    layer.data_setitem(voxels, labels, refresh=layer.visible)


def step_of(edit: Edit, shape: tuple[int, ...]) -> Step:
    """An edit as napari's layers keep it for undo."""
    where = np.unravel_index(edit.where, shape)
    return where, edit.before["label"].copy(), edit.after["label"].copy()


def remember(layer: Labels, done: Iterable[Edit], undone: Iterable[Edit]) -> None:
    """Let napari's own undo and redo take back and bring back edits of an earlier time."""
    layer._undo_history.extend([step_of(edit, layer.data.shape)] for edit in done)
    layer._redo_history.extend([step_of(edit, layer.data.shape)] for edit in undone)


def spare(stroke: list[Any], data: NDArray[np.uint8], locked: Collection[int]) -> None:
    """Take back what a stroke did to voxels of locked labels, and let undo and redo do the same.

    Parameters
    ----------
    stroke : list
        The value of a `paint` event, which is the layer's own item of history; changed in place.
    data : (z, y, x) uint8
        The layer's, with the stroke in it.
    locked : ints
    """
    if not locked or not stroke:
        return
    where, before, after = changes(stroke, data.shape)
    held = np.isin(before, list(locked)) & (before != after)
    if held.any():
        data[np.unravel_index(where[held], data.shape)] = before[held]
        kept = np.unravel_index(where[~held], data.shape)
        stroke[:] = [(kept, before[~held], after[~held])] if kept[0].size else []


def rest_beyond(layer: Labels, event: Any) -> Iterator[None]:
    """Let a tool rest while the button is held in a canvas that shows no slice of its layer.

    One of napari's mouse callbacks. It has to come before that of the tool, which would raise an
    error behind the last slice, and paint on a slice that is not seen before the first one.
    """
    mode = layer.mode
    if mode not in TOOLS or layer.n_edit_dimensions == layer.ndim or not is_beyond(layer):
        return
    layer.mode = "pan_zoom"
    show_info(BEYOND)
    yield
    while event.type == "mouse_move":
        yield
    layer.mode = mode


def went_astray(stroke: Iterable[Any], layer: Labels) -> bool:
    """Whether a stroke was carried to where its canvas shows no slice of its layer.

    napari counts slices before the first one from the end, so it paints on one that is not seen.
    Strokes that begin there are held back by `rest_beyond`.

    Parameters
    ----------
    stroke : iterable
        The value of a `paint` event.
    layer : Labels
        That of the canvas.
    """
    by_tool = any(hasattr(atom, "slice_key") for atom in stroke)
    return by_tool and layer.n_edit_dimensions < layer.ndim and is_beyond(layer)


def is_beyond(layer: Layer) -> bool:
    """Whether a 3-D layer's own canvas shows slices, and none of the layer's."""
    hidden = layer._slice_input.not_displayed
    position = layer.world_to_data(layer._slice_input.world_slice.point)
    return any(not 0 <= round(float(position[a])) < layer.data.shape[a] for a in hidden)


def take_back(stroke: list[Any], data: NDArray[np.uint8]) -> None:
    """Undo all that a stroke did; nothing of it is left.

    Parameters
    ----------
    stroke : list
        The value of a `paint` event; empty afterwards.
    data : (z, y, x) uint8
        The layer's, with the stroke in it.
    """
    where, before, _ = changes(stroke, data.shape)
    data[np.unravel_index(where, data.shape)] = before
    stroke.clear()


def forget(stroke: list[Any], layer: Labels) -> None:
    """Let undo pass over a stroke of which nothing is left."""
    for number, step in enumerate(layer._undo_history):
        if step is stroke:
            del layer._undo_history[number]
            return


def changes(
    atoms: Iterable[Any], shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.uint8]]:
    """What a stroke of napari's changed, voxel by voxel.

    Parameters
    ----------
    atoms : iterable
        The value of a `paint` event: the brush's steps, in order.
    shape : (3,) ints
        The volume's.

    Returns
    -------
    where : (n,) int64
        Flat voxel indices, sorted, each once.
    before, after : (n,) uint8
        Labels before the first and after the last step.
    """
    steps = [_step(atom, shape) for atom in atoms]
    where, old, new = (np.concatenate(parts) for parts in zip(*steps, strict=True))
    voxels, first = np.unique(where, return_index=True)
    _, last = np.unique(where[::-1], return_index=True)
    return voxels, old[first], new[::-1][last]


def _step(
    atom: Any, shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.uint8]]:
    if not hasattr(atom, "slice_key"):  # indices: of `data_setitem`, and of all before napari 0.7
        indices, old, new = atom
        where = np.ravel_multi_index(tuple(np.broadcast_arrays(*indices)), shape).ravel()
    else:
        box = [range(*part.indices(n)) for part, n in zip(atom.slice_key, shape, strict=True)]
        grid = np.ravel_multi_index(tuple(np.ix_(*box)), shape)
        where = grid.ravel() if atom.mask is None else grid[atom.mask]
        old, new = np.ravel(atom.old_values), atom.new_value
    before = np.broadcast_to(np.asarray(old, np.uint8), where.shape)
    after = np.broadcast_to(np.asarray(new, np.uint8), where.shape)
    return where.astype(np.int64), before, after


def touched(atoms: Iterable[Any], shape: Sequence[int]) -> Box:
    """Where the atoms of a napari paint event lie."""
    low, high = np.array(shape), np.zeros(3, int)
    for atom in atoms:
        # napari ≥ 0.7 keeps a bounding box for brushes; index arrays come from `data_setitem`.
        key = getattr(atom, "slice_key", None) or atom[0]
        for axis, part in enumerate(key):
            first, last = _range(part, shape[axis])
            low[axis], high[axis] = min(low[axis], first), max(high[axis], last)
    (a, b, c), (d, e, f) = (map(int, low), map(int, high))
    return Box((a, b, c), (d, e, f))


def _range(part: Any, length: int) -> tuple[int, int]:
    if isinstance(part, slice):
        start, stop, _ = part.indices(length)
        return start, stop
    return int(np.min(part)), int(np.max(part)) + 1
