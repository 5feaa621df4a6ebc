"""napari's own process: it opens the dock and never imports torch."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
import numpy as np
import napari
from napari.__main__ import main
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

report = {}

def look():
    viewer = napari.current_viewer()
    docks = viewer.window.dock_widgets.values() if viewer else ()
    widget = next((w for w in docks if type(w).__name__ == "SegmentWidget"), None)
    if widget is None:
        QTimer.singleShot(100, look)
        return
    viewer.add_image(np.random.default_rng(0).random((16, 16, 16)), name="noise")
    widget.caseOpened.connect(lambda case: begin(viewer, case))
    widget.choice.annotate.click()

def begin(viewer, case):
    case.annotation.data_setitem(np.nonzero(np.ones((2, 16, 16))), 1)
    later = tuple(i + 4 * (a == 0) for a, i in enumerate(np.nonzero(np.ones((2, 16, 16)))))
    case.annotation.data_setitem(later, 2)
    case.session.status_changed.connect(lambda status: end(viewer, status))

def end(viewer, status):
    if status.steps > 2 and not report:
        report["steps"] = status.steps
        QTimer.singleShot(0, viewer.close)

QTimer.singleShot(0, look)
sys.argv = ["napari", "-w", "napari-densify"]
main()
assert report["steps"] > 2, report
assert "torch" not in sys.modules
print("dock opened, learned, torch not imported")
"""

OPENING = """
import sys
import napari
from qtpy.QtCore import QTimer

def look():
    viewer = napari.current_viewer()
    docks = viewer.window.dock_widgets.values() if viewer else ()
    dock = next((w for w in docks if type(w).__name__ == "SegmentWidget"), None)
    if dock is None or dock.case is None:
        QTimer.singleShot(100, look)
        return
    print("painted", dock.case.session.annotation.annotated)
    QTimer.singleShot(0, viewer.close)

from napari.qt import get_qapp
app = get_qapp()
QTimer.singleShot(0, look)
command, *sys.argv[1:] = sys.argv[1:]
if command == "napari":
    from napari.__main__ import main
else:
    from napari_densify.cli import main
main()
"""


@pytest.mark.parametrize("command", [["napari"], ["napari-densify", "open"]])
def test_a_project_opens_from_the_command_line(
    made: Path, tmp_path: Path, command: list[str]
) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    script = tmp_path / "user.py"
    script.write_text(OPENING)
    # A settings file, for napari remembers there which reader opens projects.
    chosen = {"NAPARI_CONFIG": str(tmp_path / "settings.yaml")}
    (tmp_path / "settings.yaml").write_text(
        "plugins:\n  extension2reader:\n    '*.densify/': napari-densify\n"
    )
    done = subprocess.run(
        [sys.executable, script, *command, tmp_path / "ct.densify"],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        env={**os.environ, **chosen, "XDG_STATE_HOME": str(tmp_path)},
    )
    assert "painted 2253" in done.stdout, done.stderr[-2000:]


def test_napari_opens_the_dock_learns_and_never_imports_torch(tmp_path: Path) -> None:
    # No `if __name__ == "__main__"`: the worker must not run the user's script again.
    script = tmp_path / "user.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "torch not imported" in done.stdout
    assert "Traceback" not in done.stderr
