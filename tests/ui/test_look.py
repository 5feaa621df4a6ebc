"""How the dock looks: it fits a small screen, folds, and says what to do."""

from __future__ import annotations

import pytest

from napari_densify.cases.plane import Plane
from napari_densify.session.learning import train_once
from napari_densify.session.news import Phase, Status
from napari_densify.ui.hint import FirstHint
from napari_densify.ui.progress import what_next
from napari_densify.ui.section import Section

from .conftest import LONG, paint_slice, phantom

SMALL = (1366, 768)
CANVAS = 550
"""Pixels of width that a small screen still has for the slice."""


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_it_fits_a_small_screen(viewer, open_case, qtbot, theme):
    viewer.theme = theme
    viewer.window.resize(*SMALL)
    case = open_case()
    paint_slice(case, Plane(0, 12), phantom()[1])
    dock = case.dock
    for section in dock.findChildren(Section):
        section.expand(animate=False)
    qtbot.waitUntil(dock.volumes.isExpanded, timeout=LONG)
    window = viewer.window._qt_window
    assert (window.width(), window.height()) == SMALL
    assert viewer.window._qt_viewer.canvas.native.width() >= CANVAS
    column = dock.layout().itemAt(0).widget()
    inside = column.widget()
    # Nothing would have to scroll sideways.
    qtbot.waitUntil(lambda: inside.width() <= column.viewport().width(), timeout=5000)
    for child in inside.findChildren(Section):
        assert child.mapTo(inside, child.rect().topRight()).x() <= inside.width()
    for widget in (dock.slices, dock.learning, dock.classes, dock.next.next):
        assert widget.width() >= widget.minimumSizeHint().width()


def test_sections_stay_as_they_were_left(qtbot):
    first = Section("Classes")
    qtbot.addWidget(first)
    assert first.isExpanded()
    first.toggleButton().click()
    again = Section("Classes")
    qtbot.addWidget(again)
    assert not again.isExpanded()
    assert not first.text().startswith("▾")


def test_the_first_hint_goes_away_with_the_first_stroke_for_good(open_case, qtbot):
    case = open_case()
    hint = case.dock.hint
    assert not hint.isHidden()
    with qtbot.waitSignal(case.session.edited, timeout=LONG):
        paint_slice(case, Plane(0, 12), phantom()[1])
    assert hint.isHidden()
    later = FirstHint()
    qtbot.addWidget(later)
    assert later.isHidden()


def test_a_click_sends_the_hint_away_too(qtbot):
    hint = FirstHint()
    qtbot.addWidget(hint)
    hint.close_button.click()
    assert hint.isHidden()


@pytest.mark.parametrize(
    ("phase", "painted", "live", "done", "says"),
    [
        (Phase.STARTING, [], True, 0, "Paint on a slice"),
        (Phase.STARTING, [1, 2], True, 0, "You can paint already"),
        (Phase.WAITING, [], True, 0, "Paint on a slice"),
        (Phase.PAUSED, [], True, 0.5, "what was learned before: 50% of the volume"),
        (Phase.WAITING, [2], True, 0, "Paint a second class to start learning: background"),
        (Phase.WAITING, [1], True, 0, "the structure (key 2)"),
        (Phase.TRAINING, [1, 2], True, 0.4, "40%"),
        (Phase.TRAINING, [1, 2], True, 1, "paint the right class over it"),
        (Phase.LEARNED, [1, 2], True, 1, "has learned what is painted. Where"),
        (Phase.LEARNED, [1, 2], True, 0.4, "has learned what is painted: 40%"),
        (Phase.PAUSED, [1, 2], True, 0.4, "press Train"),
        (Phase.PAUSED, [1, 2], False, 0.4, "press Update once"),
        (Phase.PAUSED, [1, 2], True, 1, "press Train"),
        (Phase.PAUSED, [1, 2], False, 1, "press Update once"),
        (Phase.STOPPED, [1, 2], True, 1, "Stopped."),
    ],
)
def test_it_says_what_to_do_next(phase, painted, live, done, says):
    assert says in what_next(Status(phase, done=done), painted, live)


def test_what_is_below_stays_where_it_is_whatever_is_said(open_case):
    """A button that moves while learning goes on is another one when it is clicked."""
    dock = open_case().dock
    inside = dock.layout().itemAt(0).widget().widget()
    margins = inside.layout().contentsMargins()
    width = inside.minimumSizeHint().width() - margins.left() - margins.right()
    heights = {
        what_next(Status(phase, done=done), painted, live): 0
        for phase in Phase
        for done in (0, 1)
        for painted in ([], [1], [2], [1, 2])
        for live in (True, False)
    }
    for sentence in heights:
        dock.progress.phase.setText(sentence)
        heights[sentence] = dock.progress.heightForWidth(width)
    assert len(set(heights.values())) == 1, heights


def test_learning_only_at_a_press(open_case, qtbot):
    case = open_case()
    learning = case.dock.learning
    learning.mode.setCurrentIndex(1)
    learning.mode.activated.emit(1)
    assert not case.session.training
    assert learning.train.text() == "Update once"
    for axis in range(3):
        paint_slice(case, Plane(axis, 12), phantom()[1])
    assert case.session.status.steps == 0
    train_once(case.session, 0.5)
    assert learning.train.text() == "Pause"
    status = lambda: case.session.status  # noqa: E731
    qtbot.waitUntil(lambda: status().phase == Phase.PAUSED and status().complete, timeout=LONG)
    assert learning.train.text() == "Update once"
    assert "press Update once" in case.dock.progress.phase.text()
