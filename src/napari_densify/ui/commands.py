"""napari's commands: `napari_densify.ui.commands:NAME` does what the table of actions says."""

from __future__ import annotations

from collections.abc import Callable

import napari
from napari.utils.notifications import show_info

from napari_densify.ui.actions import ACTIONS, Action
from napari_densify.ui.segment import SegmentWidget

DOCK = "Plugins > Densify > Segment (Densify)"
"""Where napari's menus have it."""


def open_dock(viewer: napari.Viewer | None) -> SegmentWidget | None:
    """The dock in a viewer, if it is open."""
    docks = viewer.window.dock_widgets.values() if viewer is not None else ()
    return next((dock for dock in docks if isinstance(dock, SegmentWidget)), None)


def _command(action: Action) -> Callable[[], None]:
    def command() -> None:
        dock = open_dock(napari.current_viewer())
        if dock is None:
            show_info(f"Open the dock first: {DOCK}.")
        else:
            action.run(dock)

    return command


def __getattr__(name: str) -> Callable[[], None]:
    for action in ACTIONS:
        if action.name == name:
            return _command(action)
    raise AttributeError(name)
