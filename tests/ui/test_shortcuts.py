"""The table of actions: its commands in napari, its keys in the window and in the documentation."""

from __future__ import annotations

import pytest
from app_model.types import KeyBinding
from napari._app_model import get_app_model
from napari.utils.notifications import notification_manager
from napari.utils.shortcuts import default_shortcuts
from npe2 import PluginManifest
from qtpy.QtCore import Qt

from napari_densify.ui.actions import ACTIONS, key_table

from ..conftest import ROOT
from .conftest import LONG, paint_under_the_mouse

MANIFEST = PluginManifest.from_file(ROOT / "napari.yaml")


def test_each_action_has_its_command_in_the_manifest():
    commands = {
        each.id.partition(".")[2]: each
        for each in MANIFEST.contributions.commands
        if "ui.commands:" in each.python_name
    }
    assert {name: command.title for name, command in commands.items()} == {
        each.name: each.title for each in ACTIONS
    }
    for name, command in commands.items():
        assert command.python_name == f"napari_densify.ui.commands:{name}"


def test_no_key_is_given_twice_or_taken_from_painting():
    keys = [KeyBinding.from_str(each.key.replace("-", "+")) for each in ACTIONS if each.key]
    assert len(set(keys)) == len(keys)
    napari = {
        binding: name
        for name, bindings in default_shortcuts.items()
        for binding in bindings
        if "labels" in name or "brush" in name or "layer" in name
    }
    letters = [key for key in keys if not str(key).isdigit()]
    assert not [napari[key] for key in letters if key in napari]


def test_the_documentation_has_the_table_of_keys():
    assert key_table() in (ROOT / "docs" / "guide.md").read_text()


def choose(viewer, qtbot, words: str) -> None:
    """Type words into napari's command palette and press Return."""
    palette = viewer.window._qt_window._command_palette
    palette.show()
    palette._line.setText(words)
    qtbot.keyClick(palette._line, Qt.Key.Key_Return)


def test_the_palette_acts_on_the_open_dock(viewer, open_case, qtbot):
    case = open_case()
    choose(viewer, qtbot, "coronal")
    assert viewer.dims.order == (1, 0, 2)
    with qtbot.waitSignal(case.session.edited, timeout=LONG):
        choose(viewer, qtbot, "complete")
    assert case.session.annotation.annotated == 24 * 32


def test_the_palette_says_what_has_to_come_first(viewer, open_dock):
    app = get_app_model()
    app.commands.execute_command("napari-densify.complete").result()
    open_dock()
    app.commands.execute_command("napari-densify.complete").result()
    told = [str(record.message) for record in notification_manager.records[-2:]]
    assert told == [
        "Open the dock first: Plugins > Densify > Segment (Densify).",
        "Choose an image in the Densify dock and press Annotate first.",
    ]


def test_keys_do_what_the_table_says(viewer, open_case, qtbot):
    case = open_case()
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.keyClick(canvas, Qt.Key.Key_Y, Qt.KeyboardModifier.ShiftModifier)
    assert viewer.dims.order == (1, 0, 2)
    opacity = case.prediction.opacity
    qtbot.keyClick(canvas, Qt.Key.Key_Comma)
    assert case.prediction.opacity < opacity
    qtbot.keyClick(canvas, Qt.Key.Key_Period)
    assert case.prediction.opacity == pytest.approx(opacity)
    qtbot.keyClick(canvas, Qt.Key.Key_T)
    assert not case.session.training
    assert case.dock.learning.train.text() == "Train"
    assert "(key T)" in case.dock.learning.train.toolTip()


def test_class_keys_and_clicks_on_classes_lead_back_from_the_image(viewer, open_case, qtbot):
    """Who sets the contrast and paints on would move the view, or the image, and see no reason."""
    case = open_case()
    canvas = viewer.window._qt_viewer.canvas.native
    viewer.layers.selection.active = case.image
    qtbot.keyClick(canvas, Qt.Key.Key_1)
    assert viewer.layers.selection.active is case.annotation
    assert case.annotation.selected_label == 1
    paint_under_the_mouse(viewer, case, qtbot)
    viewer.layers.selection.active = case.image
    table = case.dock.classes._table
    spot = table.visualItemRect(table.item(1, 2)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert viewer.layers.selection.active is case.annotation
    assert case.annotation.selected_label == 2
    viewer.layers.selection.active = case.prediction
    qtbot.keyClick(canvas, Qt.Key.Key_1)
    assert viewer.layers.selection.active is case.prediction, "that is painted on, too"
    case.close()
    assert not case.image.keymap, "its own keys are back"


def test_the_status_bar_names_keys_as_they_are(viewer, open_case):
    """napari says there which digits pick its tools; here they pick classes."""
    case = open_case()
    for mode in ("erase", "pan_zoom", "paint"):
        case.annotation.mode = mode
        assert "<e> for the eraser" in viewer.help
        assert "<1> for activate" not in viewer.help
