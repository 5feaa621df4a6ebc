"""Where each voxel's label comes from, drawn as a layer, with a legend."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.qt.threading import create_worker
from napari.utils.colormaps import DirectLabelColormap

from napari_densify.cases.box import Box, tiles
from napari_densify.cases.edit import Edit
from napari_densify.session.provenance import (
    ACCEPTED,
    CORRECTED,
    LAST,
    NETWORK,
    PAINTED,
    corrections,
    provenance,
)
from napari_densify.ui.layers import PredictionBond, labels_like
from napari_densify.ui.overlays import Overlay

if TYPE_CHECKING:
    from napari_densify.ui.case import CaseView

COLOURS = {PAINTED: "#0072b2", ACCEPTED: "#009e73", NETWORK: "#999999"}
WARM = ("#e69f00", "#d55e00", "#f0e442", "#cc79a7", "#882255")
"""Of corrections, by turns; told apart by colour-blind people too."""
LISTED = 5
"""Rounds that the legend lists at most, the last ones."""
PIECE = (16, 256, 256)
"""Voxels that are worked out at a time."""


class ProvenanceLayer(Overlay):
    """Shows what is painted, accepted, corrected (in which round), or the network's.

    Parameters
    ----------
    case : CaseView
    """

    def __init__(self, case: CaseView) -> None:
        data = np.zeros(case.session.volume.shape, np.uint8)
        layer = labels_like(case.image, case.session.volume.choice, data, "provenance")
        layer.colormap = DirectLabelColormap(
            color_dict={None: "transparent", **{k: colour(k) for k in range(LAST + 1)}}
        )
        layer.opacity, layer.editable = 0.7, False
        super().__init__(case, layer)
        self._data = data
        self._filling = False
        self._missed: list[Callable[[], None]] = []
        self.session.prediction_changed.connect(self._predicted)
        self.session.edited.connect(self._edited)
        self._bond = PredictionBond(self.copies, self.session, self)

    def show(self, on: bool) -> None:
        """Show where all comes from now, or hide it."""
        super().show(on)
        if on and not self._filling:
            self._filling = True
            worker = create_worker(self._fill)
            worker.returned.connect(self._filled)
            worker.start()

    def close(self) -> None:
        """Let go of session and viewer; the layer stays."""
        super().close()
        self._bond.close()
        self.session.prediction_changed.disconnect(self._predicted)
        self.session.edited.disconnect(self._edited)

    def legend(self) -> str:
        """What the colours say, as rich text."""
        names = {PAINTED: "painted", ACCEPTED: "accepted", NETWORK: "network"}
        names |= dict(list(corrections(self.session.annotation).items())[-LISTED:])
        marks = (f'<span style="color:{colour(k)}">■</span>&nbsp;{n}' for k, n in names.items())
        return " &nbsp; ".join(marks)

    def _fill(self) -> None:
        """Work everything out, in a thread."""
        for box in tiles(self._data.shape, PIECE):
            self._work_out(box)

    def _filled(self, _: Any = None) -> None:
        self._filling = False
        missed, self._missed = self._missed, []
        for again in missed:  # it may have been overwritten by what was there before
            again()
        for layer in self.copies:
            layer.refresh()

    def _work_out(self, box: Box) -> None:
        marks, predicted = self.session.annotation.read(box), self.session.prediction[box.slices]
        self._data[box.slices] = provenance(marks, predicted)

    def _predicted(self, box: Box) -> None:
        if self.shown:
            self._work_out(box)
            if self._filling:
                self._missed.append(partial(self._predicted, box))

    def _edited(self, edit: Edit) -> None:
        if self.shown and edit.where.size:
            marks = self.session.annotation.at(edit.where)
            predicted = self.session.prediction.reshape(-1)[edit.where]
            self._data.reshape(-1)[edit.where] = provenance(marks, predicted)
            if self._filling:
                self._missed.append(partial(self._edited, edit))


def colour(whence: int) -> str:
    """The colour of a number of `session.provenance`."""
    if whence == 0:
        return "transparent"
    return COLOURS.get(whence) or WARM[(whence - CORRECTED) % len(WARM)]
