"""The bond between napari layers and the session, both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.qt.threading import create_worker
from napari.utils.colormaps import DirectLabelColormap
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QObject, QTimer

from napari_densify.cases.box import Box
from napari_densify.cases.choice import Choice
from napari_densify.cases.comparison import difference
from napari_densify.cases.edit import Edit
from napari_densify.cases.problem import Problem
from napari_densify.session.following import follow
from napari_densify.session.session import Session
from napari_densify.ui.classes import ClassRow
from napari_densify.ui.frames import time_of
from napari_densify.ui.geometry import TURNED
from napari_densify.ui.picked import ROLE
from napari_densify.ui.placement import place_of
from napari_densify.ui.strokes import (
    BEYOND,
    Step,
    forget,
    rest_beyond,
    spare,
    take_back,
    touched,
    went_astray,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

ITSELF = "napari-densify itself"
"""Key in a layer's metadata: its own id. One that the user duplicated has it from another."""
NAMES = "napari-densify names"
"""Key in a layer's metadata: the names of its labels."""
NOWHERE = Box((0, 0, 0), (0, 0, 0))
REFRESH_MS = 40
"""Blocks that arrive within this time are drawn together."""


def labels_like(
    image: Image, choice: Choice, data: NDArray[np.uint8], role: str, name: str = ""
) -> Labels:
    """A labels layer that lies where a volume of the image lies; see `layer_like`."""
    return Labels(data, **layer_like(image, choice, role, name))


def layer_like(image: Image, choice: Choice, role: str, name: str = "") -> dict[str, Any]:
    """What a layer that we make for an image is, is called and where it lies, as its arguments.

    Parameters
    ----------
    image : Image
    choice : Choice
        Which part of the image the layer is of.
    role : str
        What the layer is to us.
    name : str
        Behind the image's in the layer's name; the role by default.
    """
    frame = f" frame {choice.frame}" if choice.in_time else ""
    metadata: dict[str, Any] = {ROLE: (role, image.unique_id, time_of(choice))}
    if TURNED in image.metadata:
        metadata[TURNED] = image.metadata[TURNED]
    return {
        "name": f"{image.name}{frame} {name or role}",
        "metadata": metadata,
        **place_of(image),
    }


def sign(layer: Layer) -> None:
    """Note that we made a layer, so that it is known again, see `is_ours`."""
    layer.metadata[ITSELF] = str(layer.unique_id)


def is_ours(layer: Layer, role: tuple[Any, ...]) -> bool:
    """Whether we made a layer, for that role; the user's duplicates of it are the user's."""
    metadata = layer.metadata
    return metadata.get(ROLE) == role and metadata.get(ITSELF) == str(layer.unique_id)


def is_of(layer: Layer, image: Image) -> bool:
    """Whether we made a layer for an image, in whichever role."""
    role = layer.metadata.get(ROLE)
    return role is not None and role[1] == image.unique_id and is_ours(layer, role)


def colours(rows: Iterable[ClassRow], background: bool) -> DirectLabelColormap:
    """Colour map of the classes that are shown; all else, and background if wanted, is not."""
    colour_of: dict[int | None, Any] = {None: "transparent", 0: "transparent"}
    shown = (row for row in rows if row.visible and (row.label > 1 or background))
    colour_of |= {row.label: row.colour for row in shown}
    return DirectLabelColormap(color_dict=colour_of)


class Copies(QObject):
    """A layer and what napari-orthogonal-views shows of it in its other canvases."""

    def __init__(self, layer: Layer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.layer = layer
        self._copies: list[Layer] = []
        self._adopted: list[Callable[[Any], None]] = []

    def __iter__(self) -> Any:
        return iter([self.layer, *self._copies])

    def each(self, prepare: Callable[[Any], None]) -> None:
        """Do something to the layer and to every copy, now and when one appears."""
        self._adopted.append(prepare)
        for layer in self:
            prepare(layer)

    def each_now(self, change: Callable[[Any], None]) -> None:
        """Do something to the layer and to every copy there is."""
        for layer in self:
            change(layer)

    def draw(self, changed: Iterable[Box], but: Layer | None = None) -> None:
        """Draw anew, of the layer and its copies, those that show a part of what changed."""
        for layer in self:
            if layer is not but and layer.visible and any(_visible(layer, box) for box in changed):
                layer.refresh(thumbnail=False, highlight=False, extent=False)

    def hook(self, original: Layer, copied: Layer) -> list[Callable[[], None]]:
        """Layer hook for napari-orthogonal-views: called once a copy."""
        if original is not self.layer:
            return []
        self._copies.append(copied)
        for prepare in self._adopted:
            prepare(copied)
        return [lambda: self._copies.remove(copied)]


class AnnotationBond(QObject):
    """Turns what happens on the annotation layer into edits of the session.

    Paint events say where to look. Undo and redo announce nothing, so their keys are ours; if
    other code calls them, the layer is drawn anew, and the edits that they could bring are compared
    with it. What other plugins write into the array is found by comparing everything, in a thread.
    """

    def __init__(self, copies: Copies, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.copies, self.session = copies, session
        self.layer = copies.layer
        self._closed = self._comparing = self._compare_again = False
        self._strokes: list[tuple[Layer, list[Any]]] = []
        self._seen = self._history()
        # napari announces some strokes before they are in the array: look once it is done.
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._follow_strokes)
        self._late = QTimer(self, singleShot=True, interval=REFRESH_MS)
        self._late.timeout.connect(self._look_for_undo)
        self.copies.each(self._listen)
        self.layer.events.data.connect(self.compare)

    def close(self) -> None:
        """Take over what was just painted, and let go of the layer."""
        self._follow_strokes()
        self._closed = True
        self._soon.stop()
        self._late.stop()
        for layer in self.copies:
            layer.mouse_drag_callbacks.remove(rest_beyond)
            layer.events.paint.disconnect(self._painted)
            layer.events.set_data.disconnect(self._drawn)
        self.layer.events.data.disconnect(self.compare)

    def undo(self, layer: Labels | None = None) -> None:
        """Take back the last step of napari's history, whichever canvas asks for it."""
        self._retrace(self.layer._undo_history, self.layer.undo)

    def redo(self, layer: Labels | None = None) -> None:
        """Do again what was taken back last."""
        self._retrace(self.layer._redo_history, self.layer.redo)

    def compare(self, event: Any = None) -> None:
        """Look for changes everywhere, without holding up the window."""
        self._compare_again = self._comparing
        if not self._comparing:
            self._comparing = True
            worker = create_worker(difference, self.session.annotation, self.layer.data)
            worker.returned.connect(self._compared)
            worker.start()

    def taken_in(self, step: Step) -> None:
        """An edit of the session's is in the layer's array already: draw it, let undo know it."""
        self.layer._redo_history.clear()
        self.layer._undo_history.append([step])
        self._seen = self._history()
        for layer in self.copies:
            layer.refresh()

    def _listen(self, layer: Labels) -> None:
        layer.mouse_drag_callbacks.insert(0, rest_beyond)
        layer.events.paint.connect(self._painted)
        layer.events.set_data.connect(self._drawn)
        layer.bind_key("Control-Z", self.undo, overwrite=True)
        layer.bind_key("Control-Shift-Z", self.redo, overwrite=True)

    def _painted(self, event: Any) -> None:
        self._strokes.append((event.source, event.value))
        self._soon.start()

    def _follow_strokes(self) -> None:
        strokes, self._strokes = self._strokes, []
        for layer, stroke in strokes:
            box = touched(stroke, self.layer.data.shape)
            if went_astray(stroke, layer):
                take_back(stroke, self.layer.data)
                show_info(BEYOND)
            spare(stroke, self.layer.data, self.session.locked)
            if not stroke:
                forget(stroke, self.layer)
            self._follow(box)
            self.copies.draw([box], but=layer if stroke else None)

    def _drawn(self, event: Any = None) -> None:
        self._late.start()

    def _retrace(self, history: Sequence[Any], move: Callable[[], None]) -> None:
        if self._closed:
            move()
            return
        self._follow_strokes()
        if history:
            box = touched(history[-1], self.layer.data.shape)
            move()
            self._follow(box)
            self.copies.draw([box])

    def _look_for_undo(self) -> None:
        if self._history() != self._seen:
            self._follow(NOWHERE)

    def _history(self) -> tuple[int, int]:
        """How much there is to undo and to redo."""
        return len(self.layer._undo_history), len(self.layer._redo_history)

    def _compared(self, box: Box | None) -> None:
        self._comparing = False
        if self._closed:
            return
        if box is not None:
            self._follow(box)
        if self._compare_again:
            self.compare()

    def _follow(self, box: Box) -> None:
        self._seen = self._history()
        try:
            edits = follow(self.session, self.layer.data, box)
        except Problem as problem:
            wrong = box if box != NOWHERE else difference(self.session.annotation, self.layer.data)
            self._restore(wrong or NOWHERE)
            show_error(str(problem))
            return
        if self.session.locked:
            self._restore(box)
        for edit in edits:
            plane = edit.plane(self.session.annotation.shape)
            if plane is not None:
                self.session.look(plane)

    def _restore(self, box: Box) -> None:
        """What was not taken over does not count, so it must not look as if it did."""
        if box == NOWHERE:
            return
        self.layer.data[box.slices] = self.session.annotation.read(box)["label"]
        for layer in self.copies:
            layer.refresh()


class PredictionBond(QObject):
    """Draws what a layer shares of the session's prediction: what changed and can be seen."""

    def __init__(self, copies: Copies, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.copies = copies
        self._changed: list[Box] = []
        self._timer = QTimer(self, singleShot=True, interval=REFRESH_MS)
        self._timer.timeout.connect(self._draw)
        self._session = session
        session.prediction_changed.connect(self._note)
        session.edited.connect(self._note_edit)

    def close(self) -> None:
        """Let go of the session."""
        self._timer.stop()
        self._session.prediction_changed.disconnect(self._note)
        self._session.edited.disconnect(self._note_edit)

    def _note(self, box: Box) -> None:
        self._changed.append(box)
        self._timer.start()

    def _note_edit(self, edit: Edit) -> None:
        self._note(edit.box(self._session.annotation.shape))

    def _draw(self) -> None:
        changed, self._changed = self._changed, []
        self.copies.draw(changed)


def _visible(layer: Layer, box: Box) -> bool:
    """Whether any of the box's voxels lie on the slice that the layer shows."""
    shown = layer._slice_input
    point = layer.world_to_data(shown.world_slice.point)
    return all(
        box.start[a] - 1 <= point[a] <= box.stop[a] for a in range(3) if a not in shown.displayed
    )
