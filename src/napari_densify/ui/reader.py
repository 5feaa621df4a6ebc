"""Projects and images as napari opens them: File > Open, drag and drop, `napari NAME.densify`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import napari
from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QInputDialog

from napari_densify.cases.export import stem_of
from napari_densify.cases.formats import is_volume, others_in, read_any, read_segmentation
from napari_densify.cases.formats.dicom import find_series
from napari_densify.cases.formats.ome_zarr import label_image
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import SUFFIX
from napari_densify.cases.reference import is_dicom
from napari_densify.cases.samples import brain
from napari_densify.cases.volume import Volume
from napari_densify.ui.commands import open_dock
from napari_densify.ui.demo import has_display
from napari_densify.ui.geometry import place_of_volume
from napari_densify.ui.segment import SegmentWidget

log = logging.getLogger(__name__)

Read = Callable[[Any], list[Any]]


def project_reader(path: str | Sequence[str]) -> Read | None:
    """The reader of a project (npe2): its layers are made by the dock, which knows how."""
    return _open if _paths(path)[0].suffix == SUFFIX else None


def volume_reader(path: str | Sequence[str]) -> Read | None:
    """The reader of images with geometry (npe2): see `cases.formats`.

    napari asks for it by a file's ending; of folders only DICOM series and OME-Zarr are ours.
    """
    return _read if all(map(is_volume, _paths(path))) else None


def brain_sample() -> list[Any]:
    """The MNI152 brain as napari layers: File > Open Sample."""
    volume, _ = brain(crop=False)
    return [(volume.data, {"name": "MNI152 brain", **place_of_volume(volume)}, "image")]


def dock_of(viewer: napari.Viewer) -> SegmentWidget:
    """The viewer's main dock, made if it is not there."""
    there = open_dock(viewer)
    if there is not None:
        return there
    _, widget = viewer.window.add_plugin_dock_widget("napari-densify", "Segment")
    assert isinstance(widget, SegmentWidget)
    return widget


def open_window(project: Path) -> None:
    """Open a napari window on a project and stay until it is closed.

    Raises
    ------
    Problem
        If there is no display.
    """
    if not has_display():
        raise Problem("There is no display for a window; use predict or info instead of open.")
    dock_of(napari.Viewer()).open_project(project)
    napari.run()


def _paths(path: str | Sequence[str]) -> list[Path]:
    return [Path(path)] if isinstance(path, str) else [Path(each) for each in path]


def _read(path: str | Sequence[str]) -> list[Any]:
    """The layers of images; what is wrong with one is said in the window."""
    layers: list[Any] = []
    for each in _paths(path):
        try:
            layers += _layers_of(each)
        except Problem as problem:
            log.warning("%s", problem)
            show_error(str(problem))
    return layers or [(None,)]


def _layers_of(path: Path) -> Iterator[Any]:
    series = _chosen_series(path) if is_dicom(path) else None
    volume = read_any(series or path)
    yield volume.data, {"name": stem_of(path), **_place(volume)}, "image"
    if path.is_dir() and is_dicom(path) and (others := others_in(path)):
        more = f" and {len(others) - 1} more" if others[1:] else ""
        show_info(
            f"“{path.name}” was opened as a DICOM series, without {others[0].name}{more} that lie "
            "in it; open such files by themselves."
        )
    labels = label_image(path) if path.is_dir() else path
    if labels != path:
        shown = read_segmentation(path)
        yield shown.data, {"name": f"{stem_of(path)} labels", **_place(shown)}, "labels"


def _place(volume: Volume) -> dict[str, Any]:
    return place_of_volume(volume, volume.data.ndim) if volume.data.ndim >= 3 else {}


def _chosen_series(path: Path) -> Path:
    """The DICOM folder itself, or where it holds several series a file of the one wanted."""
    found = find_series(path) if path.is_dir() else []
    if len(found) < 2:
        return path
    said = [
        f"{n}: {s.modality}, {len(s.files)} images, {s.description or 'no description'}"
        for n, s in enumerate(found, 1)
    ]
    parent = napari.current_viewer().window._qt_window
    chosen, taken = QInputDialog.getItem(
        parent, "Which series?", "The folder holds several DICOM series:", said, 0, False
    )
    if not taken:
        raise Problem(f"No series of “{path.name}” was chosen; nothing was opened.")
    return found[said.index(chosen)].files[0]


def _open(path: str | Sequence[str]) -> list[Any]:
    viewer = napari.current_viewer()
    if viewer is not None:
        dock_of(viewer).open_project(_paths(path)[0])
    return [(None,)]
