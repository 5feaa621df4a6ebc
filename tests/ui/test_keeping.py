"""What is painted in the window is kept, and comes back."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import tifffile
from napari.utils.notifications import notification_manager

from napari_densify.cases import disk
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.formats import read_volume
from napari_densify.cases.plane import Plane
from napari_densify.cases.reference import describe
from napari_densify.cases.volume import content_hash
from napari_densify.session.news import Phase
from napari_densify.ui import opening

from .conftest import LONG, paint_slice, phantom
from .test_painting import agrees


def test_closing_and_opening_brings_everything_back(viewer, open_case, open_dock, qtbot, tmp_path):
    tifffile.imwrite(tmp_path / "ct.tif", phantom()[0])
    viewer.open(tmp_path / "ct.tif", plugin="napari")
    dock = open_dock()
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    case, folder = dock.case, tmp_path / "ct.densify"
    assert not folder.exists(), "nothing is written before the first stroke"
    dock.classes.change(2, colour="#123456")
    for axis in range(3):
        paint_slice(case, Plane(axis, 12), phantom()[1])
    qtbot.waitUntil(agrees(case), timeout=LONG)
    assert folder.is_dir()
    assert "ct.densify" in dock.project.place.text()
    qtbot.waitUntil(lambda: case.session.status.steps > 10, timeout=LONG)
    with qtbot.waitSignal(dock.learning.strengthChanged, timeout=LONG):
        dock.learning.strength.setValue(0.5)
    dock.learning.train.click()
    qtbot.waitUntil(lambda: any(folder.glob("model/*.safetensors")), timeout=LONG)
    steps, marks = case.session.status.steps, case.session.annotation.marks.copy()
    dock.close_case()
    assert case.loop.wait(30)
    viewer.layers.clear()
    viewer.open(tmp_path / "ct.tif", plugin="napari")
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    again = dock.case
    np.testing.assert_array_equal(again.session.annotation.marks, marks)
    np.testing.assert_array_equal(again.annotation.data, marks["label"])
    assert dock.classes.value()[1].colour == "#123456"
    qtbot.waitUntil(lambda: again.session.status.phase == Phase.PAUSED, timeout=LONG)
    assert dock.learning.train.text() == "Train", "it was paused, so it stays paused"
    dock.learning.train.click()
    qtbot.waitUntil(lambda: again.session.status.phase == Phase.TRAINING, timeout=LONG)
    assert again.session.status.steps >= steps, "training goes on, not from zero"
    assert dock.learning.strength.value() == 0.5
    last = again.session.annotation.done[-1]
    again.annotation.undo()
    qtbot.waitUntil(lambda: again.session.annotation.redo() is not None, timeout=LONG)
    np.testing.assert_array_equal(again.session.annotation.at(last.where), last.before)
    assert agrees(again)()


def test_what_was_added_to_the_project_meanwhile_is_not_undone_by_the_layer_that_stayed(
    viewer, open_dock, qtbot, tmp_path
):
    tifffile.imwrite(tmp_path / "ct.tif", phantom()[0])
    viewer.open(tmp_path / "ct.tif", plugin="napari")
    dock = open_dock()
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    case = dock.case
    paint_slice(case, Plane(0, 12), phantom()[1])
    qtbot.waitUntil(agrees(case), timeout=LONG)
    dock.close_case()
    assert case.loop.wait(30)
    folder = ProjectFolder(tmp_path / "ct.densify")
    more = folder.annotation.change(np.arange(3000), 1)
    folder.commit(more)
    marks = folder.annotation.marks
    folder.close()
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    qtbot.waitUntil(lambda: not dock.case._annotation_bond._comparing, timeout=LONG)
    np.testing.assert_array_equal(dock.case.session.annotation.marks, marks)
    assert agrees(dock.case)()
    assert dock.case.annotation.editable
    names = [layer.name for layer in viewer.layers]
    assert names.count("ct annotation") == 1


def test_two_projects_asked_for_at_once_open_as_the_last_one(viewer, open_dock, qtbot, tmp_path):
    for name in "ab":
        image = phantom()[0] + ord(name)
        tifffile.imwrite(tmp_path / f"{name}.tif", image)
        volume = read_volume(tmp_path / f"{name}.tif")
        about = describe(volume, tmp_path / f"{name}.tif", content_hash(volume))
        folder = ProjectFolder(tmp_path / f"{name}.densify", about)
        folder.commit(folder.annotation.change(np.arange(100), 1))
        folder.close()
    dock = open_dock()
    opened = []
    dock.caseOpened.connect(opened.append)
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.open_project(tmp_path / "a.densify")
        dock.open_project(tmp_path / "b.densify")
    assert [case.session.project.path.name for case in opened] == ["b.densify"]

    def is_free():
        folder = ProjectFolder(tmp_path / "a.densify")
        folder.close()
        return not folder.read_only

    qtbot.waitUntil(is_free, timeout=LONG)


def test_what_was_closed_while_its_worker_starts_opens_once_that_has_ended(
    viewer, open_dock, qtbot, tmp_path, monkeypatch
):
    class Starting:
        asked = 0

        def wait(self, seconds):
            self.asked += 1
            return self.asked > 3

    monkeypatch.setattr(opening, "LOOK_UP", 0.01)
    tifffile.imwrite(tmp_path / "ct.tif", phantom()[0])
    viewer.open(tmp_path / "ct.tif", plugin="napari")
    dock = open_dock()
    dock.opening.ending = ending = Starting()
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    assert ending.asked == 4


def test_what_is_being_read_does_not_open_in_a_dock_that_was_closed(
    viewer, open_dock, qtbot, tmp_path
):
    tifffile.imwrite(tmp_path / "ct.tif", phantom()[0])
    viewer.open(tmp_path / "ct.tif", plugin="napari")
    dock = open_dock()
    opened = []
    dock.caseOpened.connect(opened.append)
    dock.choice.annotate.click()
    dock.undocked()
    qtbot.waitUntil(lambda: not dock.opening._one_by_one.locked(), timeout=LONG)
    qtbot.wait(100)
    assert not opened
    assert dock.choice.isEnabled()


def test_annotate_does_nothing_while_a_case_runs(open_case):
    case = open_case()
    case.dock.start()
    assert case.dock.case is case
    assert not case.dock.progress.phase.text().startswith("Reading")


def test_a_second_window_shows_it_and_says_who_holds_it(viewer, open_dock, qtbot, tmp_path):
    tifffile.imwrite(tmp_path / "ct.tif", phantom()[0])
    viewer.open(tmp_path / "ct.tif", plugin="napari")
    dock = open_dock()
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    paint_slice(dock.case, Plane(0, 12), phantom()[1])
    qtbot.waitUntil(agrees(dock.case), timeout=LONG)
    marks = dock.case.session.annotation.marks
    viewer.open(tmp_path / "ct.tif", plugin="napari")
    second = open_dock()
    second.choice.image.value = viewer.layers[-1]
    seen = len(notification_manager.records)
    with qtbot.waitSignal(second.caseOpened, timeout=LONG):
        second.choice.annotate.click()
    told = [str(record.message) for record in notification_manager.records[seen:]]
    assert any(f"process {os.getpid()}" in message and "read-only" in message for message in told)
    assert "Read-only" in second.project.place.text()
    np.testing.assert_array_equal(second.case.session.annotation.marks, marks)
    np.testing.assert_array_equal(second.case.annotation.data, marks["label"])
    assert not second.case.annotation.editable
    assert not second.learning.train.isEnabled()
    assert not second.learning.reset.isEnabled()


def test_a_stroke_that_cannot_be_kept_does_not_count(open_case, qtbot, monkeypatch):
    case = open_case()
    paint_slice(case, Plane(0, 12), phantom()[1])
    qtbot.waitUntil(agrees(case), timeout=LONG)
    before = case.session.annotation.marks.copy()

    def full(self, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(disk.Appendable, "append", full)
        seen = len(notification_manager.records)
        case.annotation.data_setitem((np.array([1, 1]), np.array([2, 3]), np.array([4, 5])), 2)
        qtbot.waitUntil(
            lambda: any(
                "paint it again" in str(record.message)
                for record in notification_manager.records[seen:]
            ),
            timeout=LONG,
        )
    np.testing.assert_array_equal(case.session.annotation.marks, before)
    assert agrees(case)()


SCRIPT = """
import os, signal, sys
import napari, numpy as np
from qtpy.QtCore import QTimer
from napari_densify.cases.plane import Plane
from napari_densify.session.process import WorkerProcess
from napari_densify.session.link import Settings
from napari_densify.ui.segment import SegmentWidget

viewer = napari.Viewer()
viewer.open(sys.argv[1], plugin="napari")
dock = SegmentWidget(viewer, WorkerProcess, Settings(widths=(16, 32)))
viewer.window.add_dock_widget(dock)

def begin(case):
    rng = np.random.default_rng(0)
    def stroke():
        where = tuple(rng.integers(2, n - 4, 1) + np.arange(2) for n in case.annotation.data.shape)
        case.annotation.data_setitem(where, int(rng.integers(1, 4)))
    def done(edit):
        print(*edit.where, *edit.after["label"], flush=True)
    case.session.edited.connect(done)
    case.timer = QTimer(interval=15, timeout=stroke)
    case.timer.start()

dock.caseOpened.connect(begin)
dock.start()
napari.run()
"""


def test_a_killed_window_loses_no_stroke(open_dock, viewer, qtbot, tmp_path: Path):
    tifffile.imwrite(tmp_path / "ct.tif", phantom()[0])
    script = tmp_path / "paint.py"
    script.write_text(SCRIPT)
    command = [sys.executable, script, tmp_path / "ct.tif"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as window:
        lines = [window.stdout.readline() for _ in range(60)]
        os.kill(window.pid, signal.SIGKILL)
        lines += window.stdout.read().splitlines()
    expected = np.zeros(phantom()[0].shape, np.uint8)
    for line in lines:
        numbers = [int(n) for n in line.split()]
        half = len(numbers) // 2
        if half and len(numbers) == 2 * half:
            expected.reshape(-1)[numbers[:half]] = numbers[half:]
    viewer.open(tmp_path / "ct.tif", plugin="napari")
    dock = open_dock()
    with qtbot.waitSignal(dock.caseOpened, timeout=LONG):
        dock.choice.annotate.click()
    # The last stroke may have been on disk before it could be told.
    assert (dock.case.annotation.data != expected).sum() <= 2
    assert expected.any()
