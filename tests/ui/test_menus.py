"""What the guides call menus is what napari shows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qtpy.QtWidgets import QMenu

from napari_densify.ui import commands
from tests.conftest import ROOT

GUIDES = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]


def paths(menu: QMenu, above: str) -> Iterator[str]:
    menu.aboutToShow.emit()
    for action in menu.actions():
        path = f"{above} → {action.text().replace('&', '')}"
        if action.menu() is None:
            yield path
        else:
            yield from paths(action.menu(), path)


def test_the_menus_that_are_named_are_there(viewer):
    bar = viewer.window._qt_window.menuBar()
    menus = [action for action in bar.actions() if action.menu() is not None]
    there = {
        path for action in menus for path in paths(action.menu(), action.text().replace("&", ""))
    }
    text = "".join(guide.read_text() for guide in GUIDES)
    named = set(re.findall(r"\*((?:File|Plugins) → [^*]*\(Densify\))\*", text))
    assert len(named) == 3
    assert named <= there
    assert commands.DOCK.replace(" > ", " → ") in there
