"""`napari-densify demo`: the robot at work on a real brain in a real window."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_densify.cases.export import as_structures
from napari_densify.cases.formats import write_volume
from napari_densify.cases.problem import Problem
from napari_densify.cases.samples import TISSUES, brain
from napari_densify.session.simulate import Round, Run
from napari_densify.ui.classes import ClassRow, default_class

SIZE = (1500, 900)
VIRTUAL = "DENSIFY_VIRTUAL_DISPLAY"


def has_display() -> bool:
    """Whether a window can open here."""
    return not sys.platform.startswith("linux") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )


def ensure_display(headless: bool) -> bool:
    """Make sure that a window can open, under Xvfb if need be.

    Parameters
    ----------
    headless : bool
        Prefer a virtual display even where there is a real one.

    Returns
    -------
    bool
        Whether the display is virtual. Where one has to be started, this process becomes
        `xvfb-run` running the same command again, and does not return.

    Raises
    ------
    Problem
        If there is no display and no Xvfb.
    """
    if VIRTUAL in os.environ:
        return True
    real = has_display()
    xvfb = shutil.which("xvfb-run")
    if real and not (headless and xvfb):
        return False
    if not xvfb:
        raise Problem("There is no display; install one with: sudo apt-get install xvfb xauth")
    os.environ[VIRTUAL] = "1"
    screen = ["--auto-servernum", "--server-args=-screen 0 1600x1000x24"]
    os.execv(xvfb, [xvfb, *screen, sys.executable, "-m", "napari_densify.cli", *sys.argv[1:]])


def run_demo(
    out: Path,
    stay: bool,
    done: Callable[[dict[str, Any]], None] = lambda run: None,
) -> dict[str, Any]:
    """Open a window, let the robot work, write `prediction.nii.gz`, `run.json` and screenshots.

    Parameters
    ----------
    out : Path
        Folder to write to; made if need be.
    stay : bool
        Keep the window open for the user to go on.
    done : callable
        Told what run.json holds as soon as it is written, before the user closes the window.

    Returns
    -------
    dict
        What run.json holds.

    Raises
    ------
    Problem
        If the folder cannot be written, the sample is not installed, or learning stopped early.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "run.json").unlink(missing_ok=True)
    except OSError as error:
        raise Problem(f"Cannot write in {out}; choose another folder.") from error
    volume, truth = brain()
    import napari

    from napari_densify.ui.robot import WindowRobot
    from napari_densify.ui.segment import SegmentWidget

    viewer = napari.Viewer(title="Densify demo")
    viewer.window.resize(*SIZE)
    viewer.add_image(volume.data, name=volume.name, scale=volume.spacing)
    widget = SegmentWidget(viewer, place=lambda *about: None)  # each run begins anew
    viewer.window.add_dock_widget(widget, name="Segment", area="right")
    named = [ClassRow(i, name, default_class(i).colour) for i, name in enumerate(TISSUES, start=2)]
    widget.classes.setValue([default_class(1), *named])
    robot = WindowRobot(widget, truth)
    result: dict[str, Any] = {}

    def round_over(over: Round) -> None:
        viewer.screenshot(str(out / f"round-{over.round}.png"), canvas_only=False, flash=False)

    def finish(run: Run) -> None:
        case = widget.case
        assert case is not None
        result.update(run.as_dict())
        labels = as_structures(case.session.prediction)
        write_volume(out / "prediction.nii.gz", volume.like(labels))
        (out / "run.json").write_text(json.dumps(result, indent=2) + "\n")
        done(result)
        if not stay:
            viewer.close()

    robot.roundOver.connect(round_over)
    robot.finished.connect(finish)
    widget.caseClosed.connect(lambda why: None if result else viewer.close())
    robot.start()
    napari.run()
    if not result:
        raise Problem("The demo was closed before it was done; nothing was written.")
    return result
