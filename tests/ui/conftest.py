"""A real napari window with the dock in it, and hands to work with."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile
from distributed import LocalCluster
from napari import Viewer
from qtpy.QtCore import QPoint, Qt

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.formats import read_volume
from napari_densify.cases.plane import Plane
from napari_densify.cases.project import Label
from napari_densify.cases.reference import describe
from napari_densify.cases.view import View
from napari_densify.cases.volume import content_hash
from napari_densify.session.link import OpenWorker, Settings
from napari_densify.session.loop import run
from napari_densify.session.process import WorkerProcess
from napari_densify.session.session import Session
from napari_densify.ui.case import CaseView
from napari_densify.ui.segment import SegmentWidget

LONG = 60_000
"""Milliseconds after which something is broken, not slow."""


@pytest.fixture(autouse=True)
def _data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Projects of images without a file go here, not into the user's data folder."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Viewer]) -> Viewer:
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1100, 800)
    return viewer


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """A process that imports torch once for all tests."""
    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        memory_limit=0,
        dashboard_address=":0",
        silence_logs=logging.CRITICAL,
    ) as cluster:
        yield cluster


@pytest.fixture
def open_worker(cluster: LocalCluster) -> OpenWorker:
    """Opens a case's worker there. Parametrized with `WorkerProcess`, in a process of its own."""
    return partial(WorkerProcess, address=cluster.scheduler_address)


@pytest.fixture
def open_dock(viewer: Viewer, open_worker: OpenWorker) -> Iterator[Callable[[], SegmentWidget]]:
    """Makes the dock, with a tiny network; whatever runs in it is stopped at the end."""
    widgets: list[SegmentWidget] = []

    def make() -> SegmentWidget:
        widget = SegmentWidget(viewer, open_worker, Settings(widths=(16, 32)))
        viewer.window.add_dock_widget(widget, name="Segment", area="right")
        widgets.append(widget)
        return widget

    yield make
    for widget in widgets:
        loop = widget.case.loop if widget.case else None
        widget.close_case()
        assert loop is None or loop.wait(LONG / 1000), "the loop's thread did not end"


@pytest.fixture
def open_case(
    viewer: Viewer, open_dock: Callable[[], SegmentWidget], qtbot: object
) -> Callable[..., CaseView]:
    """Adds a phantom to the viewer and presses Annotate."""

    def make(image: np.ndarray | None = None, **options: object) -> CaseView:
        viewer.add_image(phantom()[0] if image is None else image, name="phantom", **options)
        widget = open_dock()
        with qtbot.waitSignal(widget.caseOpened, timeout=LONG):
            widget.choice.annotate.click()
        assert widget.case is not None
        widget.case.dock = widget
        return widget.case

    return make


def phantom() -> tuple[np.ndarray, np.ndarray]:
    """Two noisy balls and their truth (0, 1)."""
    z, y, x = np.ogrid[:24, :28, :32]
    truth = ((z - 12) ** 2 + (y - 10) ** 2 + (x - 10) ** 2 < 49) | (
        (z - 12) ** 2 + (y - 18) ** 2 + (x - 24) ** 2 < 25
    )
    noise = np.random.default_rng(0).normal(0, 0.4, truth.shape)
    return (truth + noise).astype(np.float32), truth.astype(np.uint8)


def drag(viewer: Viewer, qtbot: object, points: list[tuple[float, float]]) -> None:
    """Drag the left button over the main canvas; points in shares of its width and height."""
    native = viewer.window._qt_viewer.canvas.native
    at = [QPoint(int(u * native.width()), int(v * native.height())) for u, v in points]
    qtbot.mouseMove(native, at[0])
    qtbot.mousePress(native, Qt.MouseButton.LeftButton, pos=at[0])
    for point in at[1:]:
        qtbot.mouseMove(native, point)
        qtbot.wait(20)
    qtbot.mouseRelease(native, Qt.MouseButton.LeftButton, pos=at[-1])


def paint_under_the_mouse(viewer: Viewer, case: CaseView, qtbot: object) -> None:
    """Paint one voxel of what is shown; it must be the one that is seen there."""
    case.annotation.brush_size = 1
    case.session.edited.connect((edits := []).append)
    drag(viewer, qtbot, [(0.4, 0.3), (0.4, 0.3)])
    qtbot.waitUntil(lambda: bool(edits), timeout=LONG)
    (painted,) = np.transpose(np.unravel_index(edits[0].where, case.session.volume.shape))
    under_the_mouse = np.round(case.image.world_to_data(viewer.cursor.position))
    np.testing.assert_array_equal(painted, under_the_mouse)


def paint_slice(case: CaseView, plane: Plane, truth: np.ndarray) -> None:
    """Paint a whole slice through the layer, one stroke for each class."""
    for label in (1, 2):
        voxels = plane.voxels(plane.take(truth) == label - 1, truth.shape)
        case.annotation.data_setitem(np.unravel_index(voxels, truth.shape), label)


VIEW = View(order=(1, 0, 2), point=(3, 9, 5), centre=(0, 12, 16), zoom=7.5, label=1, training=False)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an image and its project, painted and learned from without a window."""
    folder = tmp_path_factory.mktemp("made")
    tifffile.imwrite(folder / "ct.tif", phantom()[0])
    volume = read_volume(folder / "ct.tif")
    rows = [Label(label=1, name="background"), Label(label=2, name="ball", colour="#123456")]
    about = describe(volume, folder / "ct.tif", content_hash(volume))
    project = ProjectFolder(folder / "ct.densify", about, rows)
    session = Session(volume, settings=Settings(device="cpu", widths=(16, 32)), project=project)
    for axis in range(3):
        plane = Plane(axis, 12)
        where = plane.voxels(np.ones_like(plane.take(phantom()[1]), bool), volume.shape)
        session.paint(where, plane.take(phantom()[1]).ravel() + 1)
    session.keeping.see(VIEW)
    session.train()
    for news in run(session):
        session.take(news)
        if session.status.steps > 5:
            session.stop()
    return folder
