"""The two layers of a case that are painted on: its annotation and its prediction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QObject

from napari_densify.cases.choice import Choice
from napari_densify.session.session import Session
from napari_densify.ui.classes import ClassRow
from napari_densify.ui.frames import time_of
from napari_densify.ui.layers import (
    NAMES,
    Copies,
    colours,
    is_of,
    is_ours,
    labels_like,
    sign,
)
from napari_densify.ui.picked import ROLE
from napari_densify.ui.placement import Placement
from napari_densify.ui.strokes import remember

if TYPE_CHECKING:
    import napari

FAINTER = 0.1
"""What a key press takes from the prediction's opacity, and the least that is left of it."""
LEFT_AT = "napari-densify left at"
"""Key in an annotation layer's metadata: which state of its project it showed at the end."""


def left_at(layers: Iterable[Layer], image: Image, choice: Choice) -> Path | None:
    """The project in which a part of an image was annotated before, as its layer tells."""
    made = ("annotation", image.unique_id, time_of(choice))
    left = (layer.metadata.get(LEFT_AT) for layer in layers if is_ours(layer, made))
    return next((Path(state[0]) for state in left if state is not None), None)


class CaseLayers(QObject):
    """Puts annotation and prediction over their image, and says how they look.

    The annotation layer that an earlier session on this image left behind is used again, with what
    was painted on it meanwhile; but not if the project has been changed elsewhere since then: what
    the layer holds would seem to be the newest, and undo that.

    Parameters
    ----------
    viewer : napari.Viewer
    image : Image
        The layer that is segmented; never changed.
    session : Session

    Attributes
    ----------
    annotation, prediction : Labels
    annotation_copies, prediction_copies : Copies
        The same in all canvases.
    names : dict
        Of the classes, by label.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        image: Image,
        session: Session,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._image, self._session = viewer, image, session
        self.names: dict[int, str] = {}
        self.prediction = labels_like(
            image, session.volume.choice, session.prediction, "prediction"
        )
        self.prediction.opacity = 0.5
        sign(self.prediction)
        earlier = self._find("prediction")
        if earlier is not None:
            viewer.layers.remove(earlier)
        self.annotation = self._left_behind() or self._new_annotation()
        for layer in (self.prediction, self.annotation):
            if layer in viewer.layers:
                viewer.layers.remove(layer)
            viewer.layers.append(layer)
        self._placement = Placement(viewer, image, (self.annotation, self.prediction), self)
        self.annotation_copies = Copies(self.annotation, self)
        self.prediction_copies = Copies(self.prediction, self)

    def take_up(self) -> None:
        """Show them and let the user paint on the annotation; only look, if it is read-only."""
        for layer in (self._image, self.prediction, self.annotation):
            if not layer.visible:  # it was put aside
                layer.visible = True
        self._viewer.layers.selection.active = self.annotation
        self.annotation.editable = self.prediction.editable = not self._session.read_only
        if not self._session.read_only:
            self.annotation.mode = "paint"
        for tool in ("brush_size", "selected_label"):
            setattr(self.prediction, tool, getattr(self.annotation, tool))

    def leave_behind(self) -> None:
        """Note which state of which project the annotation layer shows."""
        self._placement.close()
        self.annotation.metadata[LEFT_AT] = self._state

    def hold(self) -> None:
        """Let nothing be painted on them until they are taken up again: nothing would keep it."""
        for copies in (self.annotation_copies, self.prediction_copies):
            copies.each_now(lambda layer: setattr(layer, "editable", False))

    def put_aside(self) -> None:
        """Hide them, their image and all that we show over it, until they are taken up again."""
        for layer in self._viewer.layers:
            if layer is self._image or is_of(layer, self._image):
                layer.visible = False

    def draw(self, rows: Sequence[ClassRow]) -> None:
        """Draw both as the class table says."""
        self.names = {row.label: row.name for row in rows}
        for layer in (self.annotation, self.prediction):
            layer.metadata[NAMES] = self.names
        self.annotation_copies.each_now(
            lambda layer: setattr(layer, "colormap", colours(rows, background=True))
        )
        self.prediction_copies.each_now(
            lambda layer: setattr(layer, "colormap", colours(rows, background=False))
        )

    def pick(self, label: int) -> None:
        """Paint that class from now on."""
        for layer in (self.annotation, self.prediction):
            if layer.selected_label != label:
                layer.selected_label = label

    def paint_on(self) -> None:
        """Let the user paint, who picked a layer meanwhile that is none of these."""
        selection = self._viewer.layers.selection
        if selection.active not in (self.annotation, self.prediction):
            selection.active = self.annotation

    def hide_or_show(self) -> None:
        """Hide the prediction, or show it again."""
        visible = not self.prediction.visible
        self.prediction_copies.each_now(lambda layer: setattr(layer, "visible", visible))

    def outline_or_fill(self) -> None:
        """Show the prediction as outlines, or filled again."""
        contour = 0 if self.prediction.contour else 1
        self.prediction_copies.each_now(lambda layer: setattr(layer, "contour", contour))

    def fade(self, steps: int) -> None:
        """Make the prediction that many steps stronger, or fainter below 0."""
        opacity = round(self.prediction.opacity + steps * FAINTER, 2)
        self.prediction.opacity = min(max(opacity, FAINTER), 1.0)

    def _find(self, role: str) -> Labels | None:
        """The layer that an earlier session on this image left behind."""
        made = (role, self._image.unique_id, time_of(self._session.volume.choice))
        for layer in self._viewer.layers:
            if (
                isinstance(layer, Labels)
                and is_ours(layer, made)
                and layer.data.shape == self._session.volume.shape
            ):
                return layer
        return None

    @property
    def _state(self) -> tuple[str, int] | None:
        """The project, and the number of the newest edit in it."""
        project = self._session.project
        return None if project is None else (str(project.path), project.number)

    def _left_behind(self) -> Labels | None:
        layer = self._find("annotation")
        if layer is None:
            return None
        left, now = layer.metadata.get(LEFT_AT), self._state
        if left == now:
            return layer
        if left and now and left[0] == now[0] and left[1] < now[1]:  # all of it is in there
            self._viewer.layers.remove(layer)
        else:  # its project is gone, or it had none: this may be all there is of it
            layer.metadata.pop(ROLE)
            layer.name += " (before)"
            layer.visible = False
        return None

    def _new_annotation(self) -> Labels:
        volume, annotation = self._session.volume, self._session.annotation
        layer = labels_like(self._image, volume.choice, annotation.labels, "annotation")
        sign(layer)
        remember(layer, annotation.done, annotation.undone)
        layer.selected_label = 2
        layer.brush_size = max(3, sorted(volume.shape)[1] // 20)  # it may be a single slice
        return layer
