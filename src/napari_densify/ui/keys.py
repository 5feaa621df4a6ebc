"""The keys of all actions on the layers that are painted on, and of the classes on the image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info

from napari_densify.ui.actions import ACTIONS, CLASS_KEYS, Action, action

if TYPE_CHECKING:
    from napari.layers import Image, Labels

    from napari_densify.ui.segment import SegmentWidget

HELP = (
    "use <1> … <9> to pick a class, <p> for the brush, <e> for the eraser, <f> to fill, <z> to pan"
)
"""What the status bar says of keys instead of napari's `TOOLS`, whose digits pick classes here."""
TOOLS = "use <"


def bind_keys(dock: SegmentWidget, layer: Labels) -> None:
    """Give a layer that is painted on the keys of all actions."""
    for each in ACTIONS:
        if each.key:
            press = _held(dock, each) if each.held else _once(dock, each)
            layer.bind_key(each.key, press, overwrite=True)
    layer.events.help.connect(_tell_keys)
    layer.events.help(help=layer.help)


def bind_class_keys(dock: SegmentWidget, image: Image) -> Callable[[], None]:
    """Let the keys of the classes lead from the image back to painting.

    There they are napari's for tools, of which one moves the image.

    Returns
    -------
    callable
        Gives the image its own keys again.
    """
    own = {
        each.key: image.bind_key(each.key, _leading_back(dock, each), overwrite=True)
        for each in map(action, map("paint_{}".format, CLASS_KEYS))
    }

    def give_back() -> None:
        for key, press in own.items():
            image.bind_key(key, press, overwrite=True)

    return give_back


def _tell_keys(event: Any) -> None:
    if event.source.help.startswith(TOOLS):
        event.source.help = HELP


def _leading_back(dock: SegmentWidget, what: Action) -> Callable[[Image], None]:
    return lambda _: what.run(dock)


def _once(dock: SegmentWidget, what: Action) -> Callable[[Labels], None]:
    def press(layer: Labels) -> None:
        if _is_meant(dock, layer):
            what.run(dock, layer)

    return press


def _held(dock: SegmentWidget, what: Action) -> Callable[[Labels], Iterator[None]]:
    def press(layer: Labels) -> Iterator[None]:
        meant = _is_meant(dock, layer)
        if meant:
            what.run(dock, layer)
        yield
        if meant:
            what.run(dock, layer)

    return press


def _is_meant(dock: SegmentWidget, layer: Labels) -> bool:
    """Whether a key was pressed on a layer of the running case, not on one that stayed behind."""
    if dock.case is None or dock.case.shows(layer):
        return True
    show_info(f"“{layer.name}” belongs to a case that is closed; pick a layer of the open one.")
    return False
