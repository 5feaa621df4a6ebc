"""How many actions it takes: from an opened volume to learning, and to mend a mistake."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt

from .conftest import LONG, drag, phantom
from .test_slices import press


class Hands:
    """Does what a user does, by mouse and key, and counts it."""

    def __init__(self, viewer, qtbot) -> None:
        self.viewer, self.qtbot = viewer, qtbot
        self.actions = self.strokes = 0

    def click(self, button) -> None:
        self.actions += 1
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def press(self, key: Qt.Key) -> None:
        self.actions += 1
        press(self.viewer, self.qtbot, key)

    def stroke(self, voxels: list[tuple[int, int]]) -> None:
        """Drag over pixels (y, x) of the slice that is shown."""
        self.actions += 1
        self.strokes += 1
        drag(self.viewer, self.qtbot, [self._share(y, x) for y, x in voxels])

    def _share(self, y: int, x: int) -> tuple[float, float]:
        """Where a pixel lies on the canvas, in shares of its width and height."""
        native = self.viewer.window._qt_viewer.canvas.native
        centre, zoom = self.viewer.camera.center[-2:], self.viewer.camera.zoom
        u = (x - centre[1]) * zoom / native.width() + 0.5
        v = (y - centre[0]) * zoom / native.height() + 0.5
        return u, v


def test_six_actions_to_learning_and_one_stroke_to_mend(viewer, open_dock, qtbot):
    viewer.add_image(phantom()[0], name="phantom")
    dock = open_dock()
    hands = Hands(viewer, qtbot)

    # From an opened volume to learning: nothing else is touched.
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        hands.click(dock.choice.annotate)
    session = dock.case.session
    hands.stroke([(7, 7), (10, 10), (13, 13)])  # the large ball
    hands.press(Qt.Key.Key_1)
    hands.stroke([(2, 2), (2, 28)])  # background above
    hands.stroke([(25, 3), (25, 28)])  # and below
    qtbot.waitUntil(lambda: session.status.steps > 0, timeout=LONG)
    assert hands.strokes == 3
    assert hands.actions <= 6, "more than six actions from an opened volume to learning"

    # From seeing a mistake to seeing it mended: one stroke.
    qtbot.waitUntil(lambda: session.up_to_date, timeout=LONG)
    hands.press(Qt.Key.Key_2)  # what is to be painted; a class that was picked stays picked
    z = viewer.dims.current_step[0]
    session.prediction[z, 16:20, 22:27] = 1  # the small ball is overlooked
    before = hands.actions
    with qtbot.waitSignal(session.edited, timeout=LONG):
        hands.stroke([(17, 22), (18, 24), (19, 26)])
    assert hands.actions - before == 1
    painted = session.annotation.on(session.annotation.done[-1].plane(phantom()[1].shape)) == 2
    assert painted[17:20, 23:26].any()
    qtbot.waitUntil(lambda: (session.prediction[z, 17:20, 23:26] == 2).all(), timeout=LONG)
    shown = np.asarray(dock.case.prediction._slice.image.raw)
    np.testing.assert_array_equal(shown, session.prediction[z])
