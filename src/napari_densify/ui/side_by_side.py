"""All three orientations side by side, by napari-orthogonal-views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from napari.layers import Layer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel

from napari_densify.ui.framing import frame, middle_of
from napari_densify.ui.layers import Copies

if TYPE_CHECKING:
    import napari
    from napari.components import ViewerModel
    from napari.layers import Labels
    from napari_orthogonal_views.ortho_view_manager import OrthoViewManager

CENTRED_BY_KEY = "Press T "
"""Beginning of what napari-orthogonal-views says of its key."""


def show_side_by_side(viewer: napari.Viewer, ours: Sequence[Copies]) -> None:
    """Show the three orientations, with axes whose colours say which is which.

    Parameters
    ----------
    viewer : napari.Viewer
    ours : sequence of Copies
        Layers that we draw ourselves where they change; they will know of their copies. The
        middle of the first is shown.
    """
    from napari_orthogonal_views.axes_utils import get_axes
    from napari_orthogonal_views.layer_sync_hooks import sync_labels_paint

    def paint(original: Labels, copied: Labels) -> list[Callable[[], Any]]:
        # A stroke of ours would make it announce new data: every canvas would be sliced and drawn
        # as a whole, and the whole volume be compared with what is painted.
        drawn_by_us = any(original is copies.layer for copies in ours)
        return [] if drawn_by_us else sync_labels_paint(original, copied)

    _count_from_the_origin()
    manager = orthogonal_views(viewer)
    manager.set_layer_hook("labels_paint", paint)
    for number, copies in enumerate(ours):
        manager.register_layer_hook(Layer, copies.hook, f"densify_{number}")
    manager.h_splitter_bottom.show()
    seen = viewer.camera.center, viewer.camera.zoom
    manager.show()
    _hide_key(manager)
    _aim(viewer, ours[0].layer)
    viewer.camera.center, viewer.camera.zoom = seen
    for model in (viewer, *canvases_beside(viewer)):
        # vispy hands the letters' filter to the graphics card anew whenever it draws them. Without
        # a card, a machine waits longer for that than for all the rest of the canvas.
        get_axes(model).labels = False


def canvases_beside(viewer: napari.Viewer) -> list[ViewerModel]:
    """What is shown beside the main canvas; empty without side-by-side views."""
    from napari_orthogonal_views import OrthoViewWidget

    views = viewer.window._qt_window.findChildren(OrthoViewWidget)
    return [view.vm_container.viewer_model for view in views]


def hide_side_by_side(viewer: napari.Viewer) -> None:
    """Show only one orientation again."""
    from napari_orthogonal_views.axes_utils import get_axes

    manager = orthogonal_views(viewer)
    manager.hide()
    manager.h_splitter_bottom.hide()  # its controls would keep a strip below the canvas
    get_axes(viewer).labels = True


def orthogonal_views(viewer: napari.Viewer) -> OrthoViewManager:
    """The manager of the viewer's side-by-side views, made when first asked for."""
    # Here, not above: it brings OpenCV along, and many sessions never need it.
    from napari_orthogonal_views import ortho_view_manager

    return ortho_view_manager._get_manager(viewer)


def _count_from_the_origin() -> None:
    """Keep what scrolling shows on the canvases beside the main one.

    napari-orthogonal-views 0.5 brings a canvas to where the slices meet if it does not show that,
    and takes the first slice to lie at 0. Most images that a scanner has placed lie elsewhere, and
    would be left at every turn of the wheel.
    """
    from napari_orthogonal_views import ortho_view_widget

    def check_center(model: ViewerModel, coords: Sequence[int]) -> tuple[float, float]:
        axes = zip(model.dims.point, model.dims.range, strict=True)
        centre: tuple[float, float] = within_view(model, [at / axis.step for at, axis in axes])
        return centre

    within_view = ortho_view_widget.check_center
    if within_view.__module__ == ortho_view_widget.__name__:
        ortho_view_widget.check_center = check_center


def _hide_key(manager: OrthoViewManager) -> None:
    """Take away the sentence that T shows what is under the mouse: here it pauses learning."""
    for label in manager.h_splitter_bottom.findChildren(QLabel):
        if label.text().startswith(CENTRED_BY_KEY):
            label.hide()


def _aim(viewer: napari.Viewer, layer: Layer) -> None:
    """Show the middle of a layer beside the main canvas.

    napari-orthogonal-views takes the middle of all layers together, where there may be nothing.
    """
    shown = list(viewer.dims.displayed)
    viewer.dims.set_point(shown, middle_of(viewer, layer)[shown])

    def frame_all() -> None:
        seen = viewer.camera.center, viewer.camera.zoom
        for canvas in canvases_beside(viewer):
            frame(canvas, layer)
        # Where the user lets the canvases follow each other, it is the main one that is followed.
        viewer.camera.center, viewer.camera.zoom = seen

    # New canvases are not told how large they are before they are drawn.
    soon = QTimer(orthogonal_views(viewer).right_widget, singleShot=True, interval=0)
    soon.timeout.connect(frame_all)
    soon.start()
