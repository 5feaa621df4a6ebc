"""Layers of one frame of a time series are seen, and painted on, only on that frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from napari.layers import Layer
from qtpy.QtCore import QObject

from napari_densify.cases.choice import Choice
from napari_densify.ui.picked import ROLE

if TYPE_CHECKING:
    import napari.viewer

Time = tuple[int, int]
"""The axis of time, counted from the last one (-1), and the frame."""


def time_of(choice: Choice) -> Time | None:
    """Where in time a volume lies; None without time."""
    axes = choice.axes.removesuffix("c")
    return (axes.index("t") - len(axes), choice.frame) if choice.in_time else None


def show_frame(viewer: napari.viewer.Viewer, layer: Layer, choice: Choice) -> None:
    """Move the viewer to a frame of a layer, if that is a time series."""
    time = time_of(choice)
    if time is not None:
        axis, frame = time
        there = list(layer.world_to_data(viewer.dims.point[-layer.ndim :]))
        there[axis] = frame
        world = layer.data_to_world(there)
        viewer.dims.set_point(viewer.dims.ndim + axis, world[axis])


def is_shown(viewer: napari.viewer.Viewer, layer: Layer, time: Time | None) -> bool:
    """Whether the viewer shows a frame of a layer; what has no time is shown always."""
    if time is None:
        return True
    axis, frame = time
    there = layer.world_to_data(viewer.dims.point[-layer.ndim :])
    return round(float(there[axis])) == frame


class Frames(QObject):
    """Hides what belongs to one frame while another one is shown.

    The layers have three dimensions, so napari itself would show them on every frame.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self._hidden: WeakSet[Layer] = WeakSet()
        viewer.dims.events.current_step.connect(self.follow)

    def follow(self, event: Any = None) -> None:
        """Look which frame of each image is shown."""
        images = {layer.unique_id: layer for layer in self.viewer.layers}
        for layer in self.viewer.layers:
            _, image, time = layer.metadata.get(ROLE, (None, None, None))
            if time is None or image not in images:
                continue
            here = is_shown(self.viewer, images[image], time)
            if not here and layer.visible:
                layer.visible = False
                self._hidden.add(layer)
            elif here and layer in self._hidden:
                layer.visible = True
                self._hidden.discard(layer)
