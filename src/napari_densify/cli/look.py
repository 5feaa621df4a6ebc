"""Looking at what is there: a project in a window, facts about a file or this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from napari_densify import __version__
from napari_densify.cases.formats import is_volume, read_volume
from napari_densify.cases.learned import Learned
from napari_densify.cases.log import log_file
from napari_densify.cases.place import home_of
from napari_densify.cases.project import Project, schema_of
from napari_densify.cases.summary import list_cases
from napari_densify.cli.case import annotation_of, name_of
from napari_densify.cli.shared import ProjectPath


def open_command(
    project: ProjectPath,
) -> None:
    """Open a project in a napari window and go on where it was left.

    Example: `napari-densify open ct.densify`
    """
    schema_of(project)
    from napari_densify.ui.reader import open_window

    open_window(project)


def info_command(
    path: Annotated[Path | None, typer.Argument(help="A project or an image.")] = None,
) -> None:
    """Say what a project or an image is; without one, what this machine offers.

    Example: `napari-densify info ct.densify`
    """
    table = Table(show_header=False, box=None)
    if path is None:
        facts = _machine()
    elif path.is_dir() and not is_volume(path):
        project = Project.read(path)
        painted = annotation_of(path, project.image.shape)
        history = Learned(path, project.image.shape).read_history()
        cases = [(name_of(case.folder), case.summary.state) for case in list_cases(home_of(path))]
        facts = {
            "project": str(path),
            "image": project.image.path,
            "shape": " × ".join(map(str, project.image.shape)),
            "spacing": " × ".join(f"{s:g}" for s in project.image.spacing),
            "classes": ", ".join(f"{c.label} {c.name}" for c in project.classes),
            "cases": ", ".join(f"{name} ({state})" for name, state in cases),
            "annotated voxels": f"{painted.annotated:,}",
            "round": str(painted.round),
            "training steps": str(history[-1].steps if history else 0),
        }
    else:
        volume = read_volume(path)
        facts = {
            "image": volume.name,
            "shape": " × ".join(map(str, volume.shape)),
            "channels": str(volume.channels.shape[0]),
            "spacing": " × ".join(f"{s:g}" for s in volume.spacing),
            "type": str(volume.data.dtype),
            "values": f"{volume.data.min()} … {volume.data.max()}",
        }
    for name, value in facts.items():
        table.add_row(f"[bold]{name}[/bold]", escape(value))
    Console().print(table)


def _machine() -> dict[str, str]:
    import torch

    from napari_densify.learn.device import pick_device

    return {
        "napari-densify": __version__,
        "torch": torch.__version__,
        "device": str(pick_device("auto")),
        "threads": str(torch.get_num_threads()),
        "log": str(log_file()),
    }
