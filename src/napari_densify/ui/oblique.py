"""The oblique plane: a canvas of its own, in which napari's own tools paint."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from app_model.types import KeyCode, KeyMod
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from napari.utils.notifications import show_warning
from numpy.typing import NDArray
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout

from napari_densify.cases.digital_plane import DigitalPlane
from napari_densify.cases.oblique import ObliquePlane
from napari_densify.cases.problem import Problem
from napari_densify.session.session import Session
from napari_densify.ui.docked import DockedWidget
from napari_densify.ui.layers import REFRESH_MS, AnnotationBond
from napari_densify.ui.picked import shown_channel
from napari_densify.ui.pictures import (
    LOOKS,
    TOOL,
    mirror,
    picture_of,
    turn_like,
    whole_stroke,
    write,
)
from napari_densify.ui.plane_canvas import PlaneCanvas
from napari_densify.ui.plane_controls import PlaneControls
from napari_densify.ui.plane_picking import ThreePoints, facing

if TYPE_CHECKING:
    import napari

LOOK_MS = 100
"""How long the plane must rest before it is predicted first."""


class ObliqueView(DockedWidget):
    """Shows an oblique plane of a case; what is painted on it goes into the 3-D annotation.

    The three layers of the canvas are 2-D pictures in physical units. A stroke on the annotation's
    picture is mapped to voxels and written into the 3-D annotation layer, so it is kept, learned
    from and undone like any other; the picture is then drawn from the voxels.

    Parameters
    ----------
    viewer : napari.Viewer
    image : Image
    annotation : AnnotationBond
        Of the case's 3-D annotation layer.
    prediction : Labels
        The case's 3-D layer.
    session : Session
    plane : ObliquePlane
        Where to begin.
    """

    closed = Signal()

    def __init__(
        self,
        viewer: napari.Viewer,
        image: Image,
        annotation: AnnotationBond,
        prediction: Labels,
        session: Session,
        plane: ObliquePlane,
    ) -> None:
        super().__init__()
        self.viewer, self.session = viewer, session
        self.image3d, self.annotation3d = image, annotation.layer
        self._bond = annotation
        self._take_channel(self._shown_channel())
        self._closed = False
        self._picking: ThreePoints | None = None
        self._connected: list[tuple[Any, Any]] = []
        self.digital = self._digital(plane)
        self.image = picture_of(image, self.digital, self._greys())
        self.prediction = picture_of(
            prediction, self.digital, self.digital.take(session.prediction)
        )
        self.prediction.editable = False
        self._drawn = self.digital.take(self.annotation3d.data)
        self.annotation = picture_of(self.annotation3d, self.digital, self._drawn.copy())
        self.model = ViewerModel("oblique plane")
        for layer in (self.image, self.prediction, self.annotation):
            self.model.layers.append(layer)
        turn_like(self.model.camera, viewer.camera, image)
        self.canvas = PlaneCanvas(self.model)
        self.controls = PlaneControls()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.controls)
        layout.addWidget(self.canvas, 1)
        self._moves = self._timer(0, self._move)
        self._strokes = self._timer(0, self._follow)
        self._edits = self._timer(0, self._draw_edits)
        self._news = self._timer(REFRESH_MS, self._draw_prediction)
        self._looks = self._timer(LOOK_MS, self._look)
        self.controls.setReach(self._reach(), self.digital.step)
        self.controls.setValue(plane)
        self._connect(prediction)
        self.model.layers.selection.active = self.annotation
        self.annotation.editable = self.annotation3d.editable
        self._looks.start()

    def value(self) -> ObliquePlane:
        """The plane that is shown."""
        return self.controls.value()

    def setValue(self, plane: ObliquePlane) -> None:
        """Show another plane."""
        self.controls.setValue(plane)

    def painted(self) -> DigitalPlane:
        """The plane's voxels, once the last stroke on it has become a part of the annotation."""
        self._follow()
        return self.digital

    def scroll(self, steps: int) -> None:
        """Move along the normal; a step takes every voxel to the next plane."""
        plane = self.value()
        reach = self._reach()
        offset = float(np.clip(plane.offset + steps * self.digital.step, -reach, reach))
        self.setValue(ObliquePlane(plane.tilt, plane.turn, offset))

    def undocked(self) -> None:
        """Take over what was just painted, and let go of the case."""
        if self._closed:
            return
        self._follow()
        self._closed = True
        for timer in (self._moves, self._strokes, self._edits, self._news, self._looks):
            timer.stop()
        if self._picking is not None:
            self._picking.stop()
        for signal, slot in self._connected:
            signal.disconnect(slot)
        self._connected.clear()
        self.canvas.close()
        self.closed.emit()

    def _timer(self, wait: int, what: Callable[[], None]) -> QTimer:
        timer = QTimer(self, singleShot=True, interval=wait)
        timer.timeout.connect(what)
        return timer

    def _connect(self, prediction: Labels) -> None:
        source = self.annotation3d
        self._connected = [
            *mirror(self.image3d, self.image, LOOKS[Image]),
            *mirror(prediction, self.prediction, LOOKS[Labels]),
            *mirror(source, self.annotation, (*LOOKS[Labels], *TOOL)),
            *mirror(self.annotation, source, TOOL),
        ]
        for event in (source.events.paint, source.events.set_data, source.events.data):
            self._listen(event, lambda event: self._edits.start())
        self._listen(self.viewer.dims.events.current_step, self._follow_slider)
        for news in (self.session.prediction_changed, self.session.edited):
            self._listen(news, lambda news: self._news.start())
        # napari announces some strokes before they are in the array.
        self.annotation.events.paint.connect(lambda event: self._strokes.start())
        undo, redo = KeyMod.CtrlCmd | KeyCode.KeyZ, KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.KeyZ
        self.annotation.bind_key(undo, lambda _: self._retrace(self._bond.undo), overwrite=True)
        self.annotation.bind_key(redo, lambda _: self._retrace(self._bond.redo), overwrite=True)
        self.canvas.scrolled.connect(self.scroll)
        self.controls.valueChanged.connect(lambda plane: self._moves.start())
        self.controls.pointsToggled.connect(self._pick_points)
        self.controls.cameraRequested.connect(self._face_camera)

    def _listen(self, signal: Any, slot: Callable[[Any], None]) -> None:
        signal.connect(slot)
        self._connected.append((signal, slot))

    def _digital(self, plane: ObliquePlane) -> DigitalPlane:
        return DigitalPlane(plane, self.session.volume.shape, self.session.volume.spacing)

    def _greys(self) -> NDArray[np.float32]:
        return self.digital.reslice(self._voxels)

    def _take_channel(self, channel: int) -> None:
        self._channel = channel
        self._voxels = np.ascontiguousarray(self.session.volume.channels[channel])

    def _shown_channel(self) -> int:
        return shown_channel(self.session.volume.choice, self.image3d, self.viewer.dims.point)

    def _reach(self) -> float:
        """How far from the middle the last plane is that still meets the volume."""
        volume, normal = self.session.volume, self.digital.plane.normal
        return float(np.abs(normal) @ (np.array(volume.shape) // 2 * volume.spacing))

    # From the canvas to the voxels.

    def _follow(self) -> None:
        """Write what was painted since the last drawing into the 3-D annotation."""
        painted = self.annotation.data
        changed = painted != self._drawn
        if self._closed or not changed.any():
            return
        with self.annotation3d.block_history():  # one stroke, one undo
            for label in np.unique(painted[changed]):
                stroke = whole_stroke(changed & (painted == label)) & (painted == label)
                write(self.annotation3d, self.digital.voxels(stroke), int(label))
        self._draw_annotation()

    def _retrace(self, undo: Callable[[], None]) -> None:
        """Undo or redo on the 3-D annotation: what comes next may lie elsewhere."""
        self._follow()
        undo()
        self._draw_annotation()

    # From the voxels to the canvas.

    def _move(self) -> None:
        """Show the plane that the controls say."""
        self._follow()  # on the plane that it was painted on
        before, now = self.digital.plane, self.controls.value()
        self.digital = self._digital(now)
        self.controls.setReach(self._reach(), self.digital.step)
        for layer, data in (
            (self.image, self._greys()),
            (self.prediction, self.digital.take(self.session.prediction)),
        ):
            self._show(layer, data)
        self._draw_annotation()
        for layer in self.model.layers:
            layer.translate = self.digital.corner
        if (before.tilt, before.turn) != (now.tilt, now.turn):  # to scroll shall not zoom
            self.canvas.refit()
        self._looks.start()

    def _follow_slider(self, event: Any = None) -> None:
        """Show the channel that the main canvas shows."""
        channel = self._shown_channel()
        if channel != self._channel:
            self._take_channel(channel)
            self._show(self.image, self._greys())

    def _look(self) -> None:
        self.session.look(self.digital.plane)

    def _draw_edits(self) -> None:
        # In the midst of a stroke it has to wait: the stroke's end draws anyway.
        if np.array_equal(self._drawn, self.annotation.data):
            self._draw_annotation()

    def _draw_prediction(self) -> None:
        prediction = self.digital.take(self.session.prediction)
        if not np.array_equal(prediction, self.prediction.data):
            self._show(self.prediction, prediction)

    def _draw_annotation(self) -> None:
        self._drawn = self.digital.take(self.annotation3d.data)
        if not np.array_equal(self._drawn, self.annotation.data):
            self._show(self.annotation, self._drawn.copy())

    def _show(self, layer: Layer, data: NDArray[Any]) -> None:
        if layer.data.shape == data.shape:
            layer.data[...] = data
            layer.refresh(thumbnail=False, highlight=False, extent=False)
        else:
            editable = layer.editable
            layer.data = data
            layer.editable = editable  # new data make napari forget

    # Where the plane lies.

    def _pick_points(self, on: bool) -> None:
        if on and self._picking is None:
            self._picking = ThreePoints(self.viewer, self.annotation3d, self)
            self._picking.picked.connect(self._points_picked)
            self._picking.ended.connect(self._points_ended)
        elif not on and self._picking is not None:
            self._picking.stop()

    def _points_picked(self, voxels: NDArray[np.float64]) -> None:
        try:
            self.setValue(ObliquePlane.through(self._physical(voxels)))
        except Problem as problem:
            show_warning(str(problem))

    def _points_ended(self) -> None:
        self._picking = None
        self.controls.points.setChecked(False)

    def _face_camera(self) -> None:
        if self.viewer.dims.ndisplay != 3:
            show_warning("Switch the main canvas to 3-D and turn the volume first.")
            return
        centre, towards = facing(self.viewer, self.annotation3d)
        normal = towards * self.session.volume.spacing
        self.setValue(ObliquePlane.across(normal, self._physical(centre)))

    def _physical(self, voxels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Physical positions from the volume's middle of positions in voxels."""
        from_middle: NDArray[np.float64] = voxels - self.digital.middle
        return from_middle * self.session.volume.spacing


def dock_below(view: ObliqueView) -> None:
    """Open its canvas below the main one; both get half of the height."""
    window = view.viewer.window._qt_window
    # The docks at the sides keep their height.
    window.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
    window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
    dock = view.viewer.window.add_dock_widget(view, name="Oblique plane", area="bottom")
    # In a window of its own the canvas would get another OpenGL context and stay black.
    feature = dock.DockWidgetFeature
    dock.setFeatures(dock.features() & ~(feature.DockWidgetFloatable | feature.DockWidgetMovable))
    dock.title.float_button.hide()
    window.resizeDocks([dock], [window.height() // 2], Qt.Orientation.Vertical)
