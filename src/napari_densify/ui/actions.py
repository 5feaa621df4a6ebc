"""Everything that can be done, in one table: keys, tooltips and napari's commands come from it.

A new action needs a row here and its command in napari.yaml; a test holds the two against each
other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_densify.ui.segment import SegmentWidget

CLASS_KEYS = range(1, 10)
"""Rows of the class table that a number key picks."""


@dataclass(frozen=True)
class Action:
    """Something that can be done by a key, from the command palette, and often by a button.

    Attributes
    ----------
    name : str
        The end of its command's id: napari-densify.NAME.
    key : str
        In napari's spelling, on the layers that are painted on; empty for none.
    title : str
        What it does, for the command palette, the tooltip and the table of keys.
    do : callable
        Does it, given the dock and the layer in whose canvas the key was pressed; None from
        elsewhere.
    held : bool
        Done when the key is pressed and once more when it is let go.
    needs_case : bool
        Whether there must be something to work on.
    """

    name: str
    key: str
    title: str
    do: Callable[[Any, Labels | None], object]
    held: bool = False
    needs_case: bool = True

    @property
    def tip(self) -> str:
        """What it does, and its key."""
        held = ", held" if self.held else ""
        return f"{self.title} (key {self.key}{held})" if self.key else self.title

    def run(self, dock: SegmentWidget, layer: Labels | None = None) -> None:
        """Do it, or say what has to come first."""
        if self.needs_case and dock.case is None:
            show_info("Choose an image in the Densify dock and press Annotate first.")
        else:
            self.do(dock, layer)


def _paint(row: int) -> Action:
    name, title = f"paint_{row}", f"Paint the class in row {row}"
    return Action(name, str(row), title, lambda dock, _: dock.classes.paint(row - 1))


def _class(name: str, key: str, title: str, do: Callable[[Any], None]) -> Action:
    return Action(name, key, title, lambda dock, _: do(dock.classes), needs_case=False)


def _slice(name: str, key: str, title: str) -> Action:
    return Action(name, key, title, lambda dock, layer: dock.slices.act(name, layer))


def _plane(name: str, key: str, adjective: str) -> Action:
    title = f"Look at and paint on {adjective} slices"
    return Action(name, key, title, lambda dock, _: dock.planes.setValue(name))


ACTIONS = (
    Action(
        "annotate",
        "",
        "Annotate the chosen image",
        lambda dock, _: dock.start(),
        needs_case=False,
    ),
    *map(_paint, CLASS_KEYS),
    _class("add_class", "", "Add a class", lambda table: table.add()),
    _class(
        "merge_class",
        "",
        "Make one class of the picked one and another",
        lambda table: table.buttons["merge_class"].click(),
    ),
    _class(
        "delete_class",
        "",
        "Delete the picked class; says first what becomes of its voxels",
        lambda table: table.buttons["delete_class"].click(),
    ),
    _class("class_up", "", "Move the picked class up", lambda table: table.move(-1)),
    _class("class_down", "", "Move the picked class down", lambda table: table.move(1)),
    _class(
        "show_class",
        "Shift-H",
        "Hide the picked class, or show it again",
        lambda table: table.toggle("visible"),
    ),
    _class(
        "lock_class",
        "Shift-L",
        "Lock the picked class, so that strokes spare its voxels, or unlock it",
        lambda table: table.toggle("locked"),
    ),
    _slice("complete", "Q", "This slice is complete: what is not painted on it is background"),
    _slice("accept", "A", "This slice is right as predicted, all but what you painted on it"),
    _slice("copy", "C", "Paint like the nearest annotated slice where nothing is painted yet"),
    _slice("clear", "D", "Erase all that is painted on this slice"),
    Action(
        "next",
        "N",
        "Go where a correction should help most; again: to a runner-up",
        lambda dock, _: dock.next.go_on(),
    ),
    Action(
        "check",
        "K",
        "This slice is right: count it as checked and go to the next one that is not",
        lambda dock, layer: dock.next.mark(layer),
    ),
    Action(
        "uncheck",
        "Shift-K",
        "Count this slice as not checked again",
        lambda dock, layer: dock.next.mark(layer, on=False),
    ),
    _plane("xy", "Shift-Z", "axial"),
    _plane("xz", "Shift-Y", "coronal"),
    _plane("yz", "Shift-X", "sagittal"),
    Action(
        "oblique",
        "Shift-O",
        "Paint on a plane at any angle, in a canvas of its own",
        lambda dock, _: dock.planes.oblique.toggle(),
    ),
    Action(
        "orthogonal",
        "S",
        "Show all three orientations side by side; paint in each",
        lambda dock, _: dock.planes.orthogonal.toggle(),
    ),
    Action(
        "hide",
        "H",
        "Hide the prediction",
        lambda dock, _: dock.case.layers.hide_or_show(),
        held=True,
    ),
    Action(
        "outline",
        "O",
        "Show the prediction as outlines, or filled",
        lambda dock, _: dock.case.layers.outline_or_fill(),
    ),
    Action(
        "fainter", ",", "Make the prediction fainter", lambda dock, _: dock.case.layers.fade(-1)
    ),
    Action(
        "stronger", ".", "Make the prediction stronger", lambda dock, _: dock.case.layers.fade(1)
    ),
    Action(
        "uncertainty",
        "U",
        "Show where the prediction is not sure",
        lambda dock, _: dock.overlays.uncertainty.toggle(),
    ),
    Action(
        "weights",
        "W",
        "Show how much each painted voxel counts",
        lambda dock, _: dock.overlays.weights.toggle(),
    ),
    Action(
        "once",
        "G",
        "Learn from all that is painted for a little while, predict everything, and rest",
        lambda dock, _: dock.learning.learn_once(),
    ),
    Action(
        "provenance",
        "Y",
        "Show what you painted, accepted or corrected, and what is the network's",
        lambda dock, _: dock.overlays.provenance.toggle(),
    ),
    Action("train", "T", "Pause learning, or go on", lambda dock, _: dock.learning.toggle()),
    Action(
        "forget",
        "",
        "Start learning from zero; what you painted stays",
        lambda dock, _: dock.learning.forget(),
    ),
    Action(
        "open_project",
        "",
        "Open a project",
        lambda dock, _: dock.project.open.trigger(),
        needs_case=False,
    ),
    Action(
        "save_as",
        "",
        "Give the project another name or place",
        lambda dock, _: dock.project.save_as.trigger(),
    ),
    Action(
        "close",
        "",
        "End the work on this image, and choose another one",
        lambda dock, _: dock.project.close_case.trigger(),
    ),
    Action("export", "", "Export the segmentation", lambda dock, _: dock.project.export.trigger()),
    Action(
        "next_case",
        "",
        "Go on with another image, the next case of this project",
        lambda dock, _: dock.cases.next.showMenu(),
    ),
    Action("snapshot", "", "Take a snapshot", lambda dock, _: dock.project.snapshot.trigger()),
    Action("snapshots", "", "Show the snapshots", lambda dock, _: dock.project.snapshots.trigger()),
    Action(
        "start_from_model",
        "",
        "Start the next project from a model",
        lambda dock, _: dock.project.model.trigger(),
        needs_case=False,
    ),
    Action(
        "save_model",
        "",
        "Save what was learned as a model",
        lambda dock, _: dock.project.save_model.trigger(),
    ),
    Action(
        "import_labels",
        "",
        "Import labels from another program",
        lambda dock, _: dock.project.labels.trigger(),
    ),
    Action(
        "copy_volumes",
        "",
        "Copy the volumes of the classes as text",
        lambda dock, _: dock.volumes.copy.click(),
    ),
    Action(
        "show_log",
        "",
        "Show the log",
        lambda dock, _: dock.project.show_log.trigger(),
        needs_case=False,
    ),
)


def action(name: str) -> Action:
    """The action of that name."""
    return next(each for each in ACTIONS if each.name == name)


def tip(name: str) -> str:
    """What a button of that action says when the mouse rests on it."""
    return action(name).tip


def key_table() -> str:
    """The keys as a table in Markdown, for the documentation."""
    lines = ["| key | what it does |", "| --- | --- |"]
    for each in ACTIONS:
        if each.key:
            lines.append(f"| `{each.key}`{', held' if each.held else ''} | {each.title} |")
    return "\n".join(lines)
