"""Projects as napari opens them: File > Open, drag and drop, `napari NAME.densify`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import napari

from napari_densify.cases.problem import Problem
from napari_densify.ui.commands import open_dock
from napari_densify.ui.demo import has_display
from napari_densify.ui.segment import SegmentWidget


def project_reader(path: str | Sequence[str]) -> Callable[[Any], list[tuple[None]]]:
    """The reader of a project (npe2): its layers are made by the dock, which knows how."""
    return _open


def dock_of(viewer: napari.Viewer) -> SegmentWidget:
    """The viewer's main dock, made if it is not there."""
    there = open_dock(viewer)
    if there is not None:
        return there
    _, widget = viewer.window.add_plugin_dock_widget("napari-densify", "Segment")
    assert isinstance(widget, SegmentWidget)
    return widget


def open_window(project: Path) -> None:
    """Open a napari window on a project and stay until it is closed.

    Raises
    ------
    Problem
        If there is no display.
    """
    if not has_display():
        raise Problem("There is no display for a window; use predict or info instead of open.")
    dock_of(napari.Viewer()).open_project(project)
    napari.run()


def _open(path: str | Sequence[str]) -> list[tuple[None]]:
    viewer = napari.current_viewer()
    if viewer is not None:
        dock_of(viewer).open_project(Path(path if isinstance(path, str) else path[0]))
    return [(None,)]
