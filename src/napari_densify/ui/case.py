"""One case in the window: its layers, its session and the thread that drives it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, QTimer, Signal

from napari_densify.cases.edit import Edit
from napari_densify.cases.oblique import ObliquePlane
from napari_densify.cases.problem import Problem
from napari_densify.cases.view import View
from napari_densify.session import learning
from napari_densify.session.session import Session
from napari_densify.session.slices import Slice
from napari_densify.ui.case_layers import CaseLayers
from napari_densify.ui.changing import ImageWatch
from napari_densify.ui.classes import ClassRow
from napari_densify.ui.correcting import CorrectionBond
from napari_densify.ui.frames import is_shown, time_of
from napari_densify.ui.garbage import LongLived
from napari_densify.ui.layers import AnnotationBond, PredictionBond
from napari_densify.ui.loop import LoopThread
from napari_densify.ui.oblique import ObliqueView, dock_below
from napari_densify.ui.overlays import UncertaintyLayer
from napari_densify.ui.planes import shown_plane, viewed_plane
from napari_densify.ui.provenance import ProvenanceLayer
from napari_densify.ui.side_by_side import hide_side_by_side, show_side_by_side
from napari_densify.ui.strokes import BEYOND, Step, is_beyond, paint
from napari_densify.ui.view import plane_of, pose_of, view_of
from napari_densify.ui.weights import WeightsLayer

if TYPE_CHECKING:
    import napari

VIEW_MS = 500
"""How long the view must rest before it is kept."""
LISTEN_MS = 20
"""How often news from the loop's thread is looked for."""


class CaseView(QObject):
    """Binds a volume, the user's layers and a session; ends by itself when a layer goes.

    Parameters
    ----------
    viewer : napari.Viewer
    image : Image
        The layer that is segmented; never changed.
    session : Session
        Not yet running.
    rows : list of ClassRow
    bind_keys : callable
        Gives a layer that is painted on its keys.
    view : View, optional
        How the project was last looked at.

    Attributes
    ----------
    layers : CaseLayers
    annotation, prediction : Labels
        Those of them that the main canvas shows.
    closed : bool
        Whether it has let go of the layers.
    """

    ended = Signal(str)
    obliqueToggled = Signal(bool)
    classPicked = Signal(int)

    def __init__(
        self,
        viewer: napari.Viewer,
        image: Image,
        session: Session,
        rows: Sequence[ClassRow],
        bind_keys: Callable[[Labels], None],
        view: View | None = None,
    ) -> None:
        super().__init__()
        self.viewer, self.image, self.session = viewer, image, session
        self._bind_keys = bind_keys
        self.closed = False
        self._training = view.training if view else True
        self._pose = view.oblique if view else None
        self.layers = CaseLayers(viewer, image, session, self)
        self.annotation, self.prediction = self.layers.annotation, self.layers.prediction
        self.oblique: ObliqueView | None = None
        self.set_classes(rows)
        self._annotation_bond = AnnotationBond(self.layers.annotation_copies, self.session, self)
        self._prediction_bond = PredictionBond(self.layers.prediction_copies, self.session, self)
        self._correction_bond = CorrectionBond(
            self.layers.prediction_copies, self.session, self.show_edit, self._annotation_bond, self
        )
        self.weights = WeightsLayer(self)
        self.uncertainty = UncertaintyLayer(self)
        self.provenance = ProvenanceLayer(self)
        self._overlays = (self.weights, self.uncertainty, self.provenance)
        self.layers.annotation_copies.each(bind_keys)
        self.layers.prediction_copies.each(bind_keys)
        self._view_timer = QTimer(self, singleShot=True, interval=VIEW_MS)
        self._view_timer.timeout.connect(self._note_view)
        viewer.dims.events.connect(self._look)
        viewer.camera.events.connect(self._looked)
        for layer in (self.annotation, self.prediction):
            layer.events.selected_label.connect(self._label_picked)
        viewer.layers.events.removed.connect(self._layer_removed)
        self._watch = ImageWatch(image, self)
        self._watch.changed.connect(self.close)
        self.loop = LoopThread(self.session)
        self._listener = QTimer(self, interval=LISTEN_MS)
        self._listener.timeout.connect(self._listen)
        self.layers.take_up()
        self._annotation_bond.compare()
        self._long_lived = LongLived(viewer.layers, self)

    def start(self) -> None:
        """Start the worker; it trains as soon as two classes are painted."""
        self._look()
        if self.session.read_only:
            # Somebody else's network learns from it; here it is only shown.
            return
        self.session.train(self._training and self.session.live)
        self.loop.start()
        self._listener.start()

    def train(self, on: bool) -> None:
        """Let it learn, or rest."""
        self.session.train(on)
        self._looked()

    def train_once(self) -> None:
        """Let it learn for a little while, predict everything, and rest."""
        learning.train_once(self.session)
        self._looked()

    def set_strength(self, strength: float) -> None:
        """Let corrections count that much more, see `cases.weight`."""
        learning.set_strength(self.session, strength)
        self.weights.renew()

    def close(self, why: str = "") -> None:
        """Stop the loop without waiting and let go of the layers; they stay."""
        if self.closed:
            return
        self.closed = True
        self._note_view()
        self.show_oblique(False)
        self._annotation_bond.close()
        self.loop.stop()
        self._listener.stop()
        self._view_timer.stop()
        self._prediction_bond.close()
        self._correction_bond.close()
        for overlay in self._overlays:
            overlay.close()
        self.viewer.dims.events.disconnect(self._look)
        self.viewer.camera.events.disconnect(self._looked)
        for layer in (self.annotation, self.prediction):
            layer.events.selected_label.disconnect(self._label_picked)
        self.viewer.layers.events.removed.disconnect(self._layer_removed)
        self._watch.close()
        self._long_lived.close()
        self.layers.leave_behind()
        if not self.loop.started:
            self.session.close()
        self.ended.emit(why)

    def set_classes(self, rows: Sequence[ClassRow]) -> None:
        """Draw both layers as the class table says, and let strokes spare what is locked."""
        self.layers.draw(rows)
        self.session.locked = frozenset(row.label for row in rows if row.locked)
        if self.session.project is not None:
            try:
                self.session.project.describe(classes=[row.keep() for row in rows])
            except Problem as problem:
                show_error(str(problem))

    def name_of(self, label: int) -> str:
        """The name of a class."""
        return self.layers.names.get(label, f"class {label}")

    def pick(self, label: int) -> None:
        """Paint that class from now on."""
        self.layers.pick(label)

    def shows(self, layer: Labels) -> bool:
        """Whether a layer is one of this case's that are painted on, in whichever canvas."""
        mine = [*self.layers.annotation_copies, *self.layers.prediction_copies]
        if self.oblique is not None:
            mine += [self.oblique.annotation, self.oblique.prediction]
        return any(layer is each for each in mine)

    def slice_in(self, layer: Labels | None = None) -> Slice:
        """The slice that a layer's canvas shows, also the oblique one; by default the main one's.

        Raises
        ------
        Problem
            For the 3-D view, and while another frame of a time series is shown.
        """
        choice = self.session.volume.choice
        if not is_shown(self.viewer, self.image, time_of(choice)):
            raise Problem(
                f"You annotate frame {choice.frame}, and another one is shown; move the slider to "
                "it first."
            )
        if self.oblique is not None and layer is self.oblique.annotation:
            return self.oblique.painted()
        plane = shown_plane(layer or self.annotation)
        if plane is None:
            raise Problem("The 3-D view shows no slice; press one of xy, xz and yz first.")
        if is_beyond(layer or self.annotation):
            raise Problem(BEYOND)
        return plane

    def show_edit(self, edit: Edit | None) -> None:
        """Bring the layer to what the session did, so that napari's undo can take it back."""
        if edit is not None:
            paint(self.annotation, edit.where, edit.after["label"])

    def hold(self, on: bool) -> None:
        """Let nothing else be painted, and no news in, while another thread paints; or go on."""
        self.session.busy = on
        if not on and not self.closed:
            self._look()

    def show_taken_in(self, edit: Edit, step: Step) -> None:
        """Say and draw what another thread has painted on the annotation layer, too."""
        self._annotation_bond.taken_in(step)
        self.session.announce(edit)

    def show_orthogonal(self, on: bool) -> None:
        """Show the three orientations side by side, or only one."""
        if on:
            ours = [self.layers.annotation_copies, self.layers.prediction_copies]
            show_side_by_side(self.viewer, [*ours, *(each.copies for each in self._overlays)])
        else:
            hide_side_by_side(self.viewer)

    def show_oblique(self, on: bool) -> None:
        """Show an oblique plane in a canvas of its own, or close that."""
        if on and self.oblique is None:
            self.oblique = ObliqueView(
                self.viewer,
                self.image,
                self._annotation_bond,
                self.prediction,
                self.session,
                plane_of(self._pose) if self._pose else ObliquePlane(),
            )
            dock_below(self.oblique)
            self._bind_keys(self.oblique.annotation)
            self.oblique.controls.valueChanged.connect(self._looked)
            self.oblique.closed.connect(self._oblique_closed)
            self.obliqueToggled.emit(True)
        elif not on and self.oblique is not None:
            self.viewer.window.remove_dock_widget(self.oblique)

    def _oblique_closed(self) -> None:
        assert self.oblique is not None
        self._pose = pose_of(self.oblique.value(), shown=False)
        self.oblique = None
        self.obliqueToggled.emit(False)
        self._look()

    def _look(self, event: Any = None) -> None:
        plane = viewed_plane(self.viewer, self.annotation)
        if plane is not None and not self.session.busy:  # or that would wait
            self.session.look(plane)
        self._looked()

    def _label_picked(self, event: Any) -> None:
        self.classPicked.emit(event.source.selected_label)
        self._looked()

    def _looked(self, event: Any = None) -> None:
        self._view_timer.start()

    def _note_view(self) -> None:
        # While layers go, the viewer may be left with fewer dimensions than the case has.
        if self.image in self.viewer.layers and self.viewer.dims.ndim >= 3:
            label = self.annotation.selected_label
            if self.oblique is not None:
                self._pose = pose_of(self.oblique.value(), shown=True)
            view = view_of(self.viewer, label, self.session.training, self._pose)
            self.session.keeping.see(view)

    def _layer_removed(self, event: Any) -> None:
        if event.value in (self.image, self.annotation, self.prediction):
            again = "open it again and press" if event.value is self.image else "press"
            kept = " What you painted is kept." if self.session.project is not None else ""
            self.close(f"“{event.value.name}” was removed; {again} Annotate to go on.{kept}")

    def _listen(self) -> None:
        if self.session.busy:
            return
        try:
            self.loop.drain()
        except Exception as error:  # noqa: BLE001 - whatever it is, the window must say it
            reason = f"{type(error).__name__}: {error}"
            self.close(f"Learning stopped ({reason}); press Annotate to go on.")
