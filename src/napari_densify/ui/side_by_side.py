"""All three orientations side by side, by napari-orthogonal-views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from napari.layers import Layer

from napari_densify.ui.layers import Copies

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels
    from napari_orthogonal_views.ortho_view_manager import OrthoViewManager


def show_side_by_side(viewer: napari.Viewer, ours: Sequence[Copies]) -> None:
    """Show the three orientations, with axes whose colours say which is which.

    Parameters
    ----------
    viewer : napari.Viewer
    ours : sequence of Copies
        Layers that we draw ourselves where they change; they will know of their copies.
    """
    from napari_orthogonal_views.axes_utils import get_axes
    from napari_orthogonal_views.layer_sync_hooks import sync_labels_paint

    def paint(original: Labels, copied: Labels) -> list[Callable[[], Any]]:
        # A stroke of ours would make it announce new data: every canvas would be sliced and drawn
        # as a whole, and the whole volume be compared with what is painted.
        drawn_by_us = any(original is copies.layer for copies in ours)
        return [] if drawn_by_us else sync_labels_paint(original, copied)

    manager = orthogonal_views(viewer)
    manager.set_layer_hook("labels_paint", paint)
    for number, copies in enumerate(ours):
        manager.register_layer_hook(Layer, copies.hook, f"densify_{number}")
    manager.h_splitter_bottom.show()
    manager.show()
    views = (manager.right_widget, manager.bottom_widget)
    for model in (viewer, *(view.vm_container.viewer_model for view in views)):
        # vispy hands the letters' filter to the graphics card anew whenever it draws them. Without
        # a card, a machine waits longer for that than for all the rest of the canvas.
        get_axes(model).labels = False


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
