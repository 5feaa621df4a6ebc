"""The robot's dock in a real window: it works, can be watched and held up, and leaves files."""

from __future__ import annotations

import json
from pathlib import Path

import imageio.v3
import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_densify.ui.robot_dock import RobotDock

from .conftest import LONG, drag, phantom


@pytest.fixture
def dock(viewer, open_dock, qtbot) -> RobotDock:
    viewer.add_image(phantom()[0], name="phantom")
    viewer.add_labels(phantom()[1], name="truth")
    robot = RobotDock(viewer)
    viewer.window.add_dock_widget(robot, name="Robot", area="right")
    robot.main = open_dock()
    for box, value in ((robot.slices, 2), (robot.rounds, 1), (robot.seconds, 2), (robot.pace, 20)):
        box.setValue(value)
    return robot


def test_it_works_is_held_up_and_leaves_run_curve_and_gif(dock, qtbot, tmp_path: Path):
    dock.begin.click()
    qtbot.waitUntil(lambda: bool(dock.robot.run and dock.robot.run.rounds), timeout=LONG)
    dock.hold.click()
    session = dock.main.case.session
    assert not session.training
    qtbot.waitUntil(lambda: session.status.phase == "paused", timeout=LONG)
    steps, rounds = session.status.steps, len(dock.robot.run.rounds)
    qtbot.wait(500)
    assert (session.status.steps, len(dock.robot.run.rounds)) == (steps, rounds)
    dock.hold.click()
    qtbot.waitUntil(dock.save.isEnabled, timeout=LONG)
    assert dock.note.text().startswith("Done")
    assert dock.main.project.place.text() == "Not kept on disk."
    qtbot.waitUntil(lambda: bool(dock._dice), timeout=LONG)
    dock.write(tmp_path)
    run = json.loads((tmp_path / "run.json").read_text())
    assert [each["round"] for each in run["rounds"]] == [0, 1]
    assert run["live"]
    assert imageio.v3.imread(tmp_path / "curve.png").std() > 0
    pictures = imageio.v3.imread(tmp_path / "run.gif")
    assert len(pictures) >= 2
    assert (pictures[0] != pictures[-1]).any()


def test_it_does_not_paint_over_somebodys_work(dock, viewer, qtbot):
    main = dock.main
    with qtbot.waitSignal(main.caseOpened, timeout=LONG):
        main.choice.annotate.click()
    with qtbot.waitSignal(main.case.session.edited, timeout=LONG):
        drag(viewer, qtbot, [(0.45, 0.5), (0.55, 0.5)])
    painted = main.case.annotation.data.copy()
    dock.begin.click()
    assert "nobody has painted on" in str(notification_manager.records[-1].message)
    assert (main.case.annotation.data == painted).all()
    assert dock.robot is None


def test_it_says_so_if_its_first_slices_would_teach_nothing(dock, viewer):
    truth = np.zeros_like(phantom()[1])
    truth[4:-4] = 1
    viewer.layers["truth"].data = truth
    dock.slices.setValue(1)
    dock.begin.click()
    assert "one class only" in str(notification_manager.records[-1].message)
    assert dock.robot is None


def test_it_works_on_colours(dock, viewer, qtbot):
    viewer.layers.remove("phantom")
    grey = (255 * phantom()[0].clip(0, 1)).astype("uint8")
    viewer.add_image(np.stack([grey] * 3, -1), name="histology", rgb=True)
    dock.begin.click()
    qtbot.waitUntil(lambda: bool(dock.robot and dock.robot.case), timeout=LONG)
    assert dock.robot.case.session.volume.channels.shape == (3, *phantom()[1].shape)
    dock.stop.click()
