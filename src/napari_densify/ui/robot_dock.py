"""The robot's dock: watch the simulated user work from a truth, and keep what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph
from magicgui.widgets import ComboBox
from napari.layers import Labels
from napari.qt.threading import create_worker
from napari.utils.notifications import show_error, show_info
from numpy.typing import NDArray
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
)

from napari_densify.cases import disk
from napari_densify.cases.labels import check_labels
from napari_densify.cases.problem import Problem
from napari_densify.session.robot import Robot
from napari_densify.session.score import dice
from napari_densify.session.simulate import Round
from napari_densify.ui.classes import palette
from napari_densify.ui.commands import open_dock
from napari_densify.ui.docked import DockedWidget
from napari_densify.ui.picked import ROLE, array_of
from napari_densify.ui.robot import STROKE_MS, WindowRobot

if TYPE_CHECKING:
    import napari.viewer

    from napari_densify.ui.segment import SegmentWidget

LOOK_MS = 2000
"""How often Dice is taken while it learns."""
FRAME_MS = 700
"""How long the GIF shows a picture."""


class RobotDock(DockedWidget):
    """Drives the main dock of the same viewer as a user would; nothing of it is kept on disk.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.robot: WindowRobot | None = None
        self._dock: SegmentWidget | None = None
        self.truth = ComboBox(choices=self._truths, nullable=False)
        for event in (napari_viewer.layers.events.inserted, napari_viewer.layers.events.removed):
            event.connect(self.truth.reset_choices)
        self.slices = _number(1, 30, 3, "Slices that it paints at first")
        self.rounds = _number(0, 100, 2, "Rounds of correcting its worst slice after that")
        self.seconds = _number(1, 600, 30, "Seconds of learning in each round")
        self.pace = _number(0, 5000, STROKE_MS, "Milliseconds between its strokes")
        self.pace.valueChanged.connect(self._set_pace)
        self.begin, self.hold = QPushButton("Start"), QPushButton("Pause")
        self.stop, self.save = QPushButton("Stop"), QPushButton("Save…")
        self.save.setToolTip("Write run.json, curve.png and run.gif to a folder")
        self.note = QLabel("Choose labels that are true everywhere; background is 0.")
        self.note.setWordWrap(True)
        self.plot = pyqtgraph.PlotWidget(background=None)
        self.plot.setLabel("left", "Dice")
        self.plot.setLabel("bottom", "seconds")
        self.plot.setYRange(0, 1)
        self.plot.addLegend(offset=(-10, -30))
        # pyqtgraph would like 640 pixels, and the dock would take half of a small screen.
        self.plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self.plot.setMinimumHeight(200)
        self._lay_out()
        self._connect()
        self._look = QTimer(self, interval=LOOK_MS)
        self._look.timeout.connect(self._take_dice)
        self._clear()
        self._say_running(False)

    def start(self) -> None:
        """Let it work on the image that the main dock has chosen."""
        try:
            truth, dock = self._check()
        except Problem as problem:
            show_error(str(problem))
            return
        self._clear()
        self._truth = truth
        robot = self.robot = WindowRobot(
            dock,
            truth,
            slices=self.slices.value(),
            rounds=self.rounds.value(),
            seconds=self.seconds.value(),
        )
        robot.roundOver.connect(self._round_over)
        robot.painted.connect(self._picture)
        robot.finished.connect(lambda run: self._end("Done: save what came of it."))
        dock.caseClosed.connect(self._case_closed)
        dock.opening.failed.connect(self._not_readable)
        self._dock = dock
        self._set_pace(self.pace.value())
        self._say_running(True)
        self.note.setText("The robot paints …")
        place, dock.opening.place = dock.opening.place, _nowhere
        robot.start()
        dock.opening.place = place
        self._look.start()

    def write(self, folder: Path) -> None:
        """Write run.json, curve.png and run.gif.

        Raises
        ------
        OSError
            If that cannot be.
        """
        assert self.robot is not None
        run = self.robot.run
        assert run is not None
        about = {**run.as_dict(), "live": {str(k): v for k, v in self._dice.items()}}
        disk.replace(folder / "run.json", (json.dumps(about, indent=2) + "\n").encode())
        self.plot.grab().save(str(folder / "curve.png"))
        import imageio.v3

        imageio.v3.imwrite(folder / "run.gif", _alike(self._pictures), duration=FRAME_MS, loop=0)

    def undocked(self) -> None:
        """The robot rests: nobody could stop it any more."""
        self._end("Stopped: its dock was closed.")

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.addRow("truth", self.truth.native)
        for name, number in (
            ("slices", self.slices),
            ("rounds", self.rounds),
            ("seconds a round", self.seconds),
            ("ms a stroke", self.pace),
        ):
            form.addRow(name, number)
        buttons, rest = QHBoxLayout(), QVBoxLayout()
        for button in (self.begin, self.hold, self.stop, self.save):
            buttons.addWidget(button)
        rest.addLayout(buttons)
        rest.addWidget(self.note)
        rest.addWidget(self.plot)
        form.addRow(rest)

    def _connect(self) -> None:
        self.begin.clicked.connect(self.start)
        self.hold.clicked.connect(self._hold)
        self.stop.clicked.connect(lambda: self._end("Stopped: what came of it until then is here."))
        self.save.clicked.connect(self._save)

    def _truths(self, _: Any = None) -> list[tuple[str, Labels]]:
        layers = [layer for layer in self.viewer.layers if isinstance(layer, Labels)]
        return [(layer.name, layer) for layer in layers if ROLE not in layer.metadata]

    def _check(self) -> tuple[NDArray[np.uint8], SegmentWidget]:
        dock = open_dock(self.viewer)
        if dock is None:
            raise Problem("Open the Segment dock first: the robot works in it.")
        if dock.case is None and not dock.choice.isEnabled():
            raise Problem("An image is being read; wait until it is there, or close it.")
        if self.truth.value is None:
            raise Problem("Open labels that are true everywhere, and choose them here.")
        picked = dock.choice.picked()
        mine = (layer.metadata.get(ROLE, ("", ""))[1] for layer in self.viewer.layers)
        if dock.case is not None or picked.layer.unique_id in mine:
            raise Problem(
                "The robot needs an image that nobody has painted on in this window; open the "
                "image anew, or another window."
            )
        shape = picked.choice.shape_in(array_of(picked.layer).shape)
        truth = check_labels(np.asarray(self.truth.value.data), shape, "truth")
        Robot(truth).planes(self.slices.value())
        return truth, dock

    def _clear(self) -> None:
        self._pictures: list[NDArray[np.uint8]] = []
        self._dice: dict[int, list[tuple[float, float]]] = {}
        self._curves: dict[int, pyqtgraph.PlotDataItem] = {}
        self.plot.clear()

    def _set_pace(self, ms: int) -> None:
        if self.robot is not None:
            self.robot.set_pace(ms)

    def _hold(self) -> None:
        if self.robot is not None:
            self.robot.pause(not self.robot.paused)
            self.hold.setText("Go on" if self.robot.paused else "Pause")

    def _end(self, sentence: str) -> None:
        if not self._look.isActive():
            return
        self._look.stop()
        assert self.robot is not None
        assert self._dock is not None
        self._dock.caseClosed.disconnect(self._case_closed)
        self._dock.opening.failed.disconnect(self._not_readable)
        self.robot.stop()
        self._say_running(False)
        self.note.setText(sentence)

    def _case_closed(self, why: str) -> None:
        self._end("The case was closed; what came of it until then is here.")

    def _not_readable(self, error: Exception) -> None:
        self._end("The image cannot be read; choose another one.")

    def _say_running(self, running: bool) -> None:
        self.begin.setEnabled(not running)
        self.hold.setEnabled(running)
        self.stop.setEnabled(running)
        self.hold.setText("Pause")
        run = self.robot.run if self.robot is not None else None
        self.save.setEnabled(not running and run is not None and bool(run.rounds))

    def _round_over(self, over: Round) -> None:
        self._picture()
        each = ", ".join(f"{name}: {value:.2f}" for name, value in over.dice.items())
        self.note.setText(f"Round {over.round}: Dice {each}")

    def _picture(self) -> None:
        self._pictures.append(self.viewer.screenshot(canvas_only=True, flash=False)[..., :3])

    def _take_dice(self) -> None:
        robot = self.robot
        if robot is None or robot.case is None or not robot.case.session.status.steps:
            return
        session, truth = robot.case.session, self._truth + 1
        structures = [k for k in range(2, int(truth.max()) + 1) if (truth == k).any()]
        names = {k: robot.case.name_of(k) for k in structures}
        at = session.status.train_seconds

        def look() -> dict[int, float]:
            free = session.annotation.labels == 0
            return dice(session.prediction, truth, structures, free)

        def show(seen: dict[int, float]) -> None:
            if self.robot is robot:
                for label, value in seen.items():
                    self._draw(label, names[label], at, value)

        worker = create_worker(look)
        worker.returned.connect(show)
        worker.start()

    def _draw(self, label: int, name: str, at: float, value: float) -> None:
        points = self._dice.setdefault(label, [])
        points.append((at, round(value, 4)))
        if label not in self._curves:
            pen = pyqtgraph.mkPen(palette(label), width=2)
            self._curves[label] = self.plot.plot(pen=pen, symbol="o", symbolSize=4, name=name)
        self._curves[label].setData(*zip(*points, strict=True))

    def _save(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Where to write run.json and the pictures")
        if folder:
            try:
                self.write(Path(folder))
            except OSError as error:
                show_error(f"Cannot write to {folder} ({error.strerror}); choose another folder.")
                return
            show_info(f"run.json, curve.png and run.gif lie in {folder} now.")


def _nowhere(*about: object) -> None:
    """Where the robot's project is kept."""


def _number(low: int, high: int, value: int, tip: str) -> QSpinBox:
    box = QSpinBox()
    box.setRange(low, high)
    box.setValue(value)
    box.setToolTip(tip)
    return box


def _alike(pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Pictures of the first one's size: the window may have been resized meanwhile."""
    height, width, _ = pictures[0].shape
    same = np.zeros((len(pictures), height, width, 3), np.uint8)
    for into, picture in zip(same, pictures, strict=True):
        part = picture[:height, :width]
        into[: part.shape[0], : part.shape[1]] = part
    return same
