"""Keeps Python's garbage collector from stopping the window."""

from __future__ import annotations

import gc
from typing import Any

from napari.components import LayerList
from qtpy.QtCore import QObject, QTimer

LATER_MS = 1000
"""From a layer's removal to the collection: for a while widgets still hold what they showed."""


class LongLived(QObject):
    """Leaves what is there now out of garbage collections, until it is closed.

    A full collection looks at every object there is, half a million with napari's libraries, and
    the window stands still meanwhile: 0.3 s each time on the reference machine, the longest stall
    of all (`python -m bench --only smooth`). Hardly any of those objects is ever given up before
    the window closes, but for layers: after some were removed, everything is looked at once more.
    napari does that too, but while the event that says so still holds the layer.

    Parameters
    ----------
    layers : LayerList
        Of the window.
    parent : QObject, optional
    """

    def __init__(self, layers: LayerList, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers = layers
        self._timer = QTimer(self, singleShot=True, interval=LATER_MS)
        self._timer.timeout.connect(self._give_back)
        layers.events.removed.connect(self._layer_removed)
        gc.freeze()

    def close(self) -> None:
        """Let everything be looked at again."""
        self._layers.events.removed.disconnect(self._layer_removed)
        self._timer.stop()
        gc.unfreeze()

    def _layer_removed(self, event: Any = None) -> None:
        self._timer.start()

    def _give_back(self) -> None:
        gc.unfreeze()
        gc.collect()
        gc.freeze()
