"""Painting on the prediction: a stroke there is an edit that knows what was shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QObject, QTimer

from napari_densify.cases.edit import Edit
from napari_densify.cases.labels import BACKGROUND
from napari_densify.cases.problem import Problem
from napari_densify.session.session import Session
from napari_densify.ui.layers import AnnotationBond, Copies
from napari_densify.ui.strokes import BEYOND, changes, rest_beyond, take_back, went_astray


class CorrectionBond(QObject):
    """Turns strokes on the prediction into edits of the annotation.

    Erasing there says background: the structure is not here. Undo and redo are the annotation's,
    for the prediction has no history: it changes by itself.

    Parameters
    ----------
    copies : Copies
        The prediction layer and what other canvases show of it.
    session : Session
    show : callable
        Brings an edit onto the annotation layer.
    annotation : AnnotationBond
        Whose undo and redo take the corrections back.
    """

    def __init__(
        self,
        copies: Copies,
        session: Session,
        show: Callable[[Edit], None],
        annotation: AnnotationBond,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.copies, self.session = copies, session
        self._show, self._annotation = show, annotation
        self._strokes: list[tuple[Labels, list[Any]]] = []
        # napari announces some strokes before they are in the array: look once it is done.
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._correct)
        self.copies.each(self._listen)

    def close(self) -> None:
        """Let go of the layer."""
        self._soon.stop()
        for layer in self.copies:
            layer.mouse_drag_callbacks.remove(rest_beyond)
            layer.events.paint.disconnect(self._painted)

    def _listen(self, layer: Labels) -> None:
        layer.mouse_drag_callbacks.insert(0, rest_beyond)
        layer.events.paint.connect(self._painted)
        layer.bind_key("Control-Z", self._annotation.undo, overwrite=True)
        layer.bind_key("Control-Shift-Z", self._annotation.redo, overwrite=True)

    def _painted(self, event: Any) -> None:
        self._strokes.append((event.source, event.value))
        self._soon.start()

    def _correct(self) -> None:
        strokes, self._strokes = self._strokes, []
        for layer, stroke in strokes:
            if went_astray(stroke, layer):
                take_back(stroke, self.session.prediction)
                show_info(BEYOND)
                continue
            where, shown, painted = changes(stroke, self.session.prediction.shape)
            self.session.prediction.reshape(-1)[where] = shown
            try:
                edit = self.session.paint(where, np.where(painted == 0, BACKGROUND, painted))
            except Problem as problem:
                show_error(str(problem))
                edit = None
            if edit is not None:
                self._show(edit)
        for layer in self.copies:
            layer._reset_history()
            layer.refresh(thumbnail=False, highlight=False, extent=False)
