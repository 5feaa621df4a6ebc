"""The command line: the same session as in the window, without one."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from napari_densify import __version__
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.formats import check_ending, read_labels, read_volume, write_labels
from napari_densify.cases.learned import Learned
from napari_densify.cases.log import log_file, start_log
from napari_densify.cases.place import check_target
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label, Project, describe, schema_of
from napari_densify.cases.stored import read_annotation
from napari_densify.cases.volume import content_hash
from napari_densify.session.news import Notice, Phase, Status
from napari_densify.session.session import Session
from napari_densify.session.simulate import Simulation, simulate
from napari_densify.session.worker import Settings

app = typer.Typer(
    help="Paint a few slices of a volume; a 3-D U-Net learns from them and fills in the rest.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
console = Console(stderr=True)
logger = logging.getLogger("napari_densify.cli")

Image = Annotated[Path, typer.Argument(help="NIfTI, NRRD, MHA, TIFF or npy volume.")]
Seconds = Annotated[float, typer.Option(min=0.1, help="How long to train.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Seed = Annotated[int, typer.Option(help="Same seed, same slices and starting weights.")]


def main() -> None:
    """Run the command line; bad input is one sentence on stderr and exit status 2."""
    start_log()
    try:
        app()
    except Problem as problem:
        # The object, not its text: so the log can tell our words from the names in it.
        logger.warning("%s", problem)
        sentence = escape(str(problem))
        console.print(f"[bold]napari-densify:[/bold] {sentence}", highlight=False, soft_wrap=True)
        sys.exit(2)


@app.command("demo")
def demo_command(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("demo-out"),
    headless: Annotated[
        bool, typer.Option("--headless", help="Close the window at the end.")
    ] = False,
) -> None:
    """Watch a simulated user segment a real brain in a napari window.

    Example: `napari-densify demo --out demo-out`
    """
    from napari_densify.ui.demo import ensure_display, run_demo

    virtual = ensure_display(headless)
    run_demo(out, stay=not virtual and not headless, done=print_rounds)


@app.command("simulate")
def simulate_command(
    image: Image,
    truth: Annotated[Path, typer.Argument(help="Labels: 0 = background, 1… = structures.")],
    out: Annotated[Path, typer.Option(help="Where to write run.json.")],
    slices: Annotated[int, typer.Option(min=1, help="Slices painted in round 0.")] = 3,
    rounds: Annotated[int, typer.Option(min=0, help="Correction rounds after it.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.1, help="Training in each round.")] = 20,
    seed: Seed = 0,
    device: Device = "auto",
    save_prediction: Annotated[
        Path | None, typer.Option(help="Also write the last prediction there.")
    ] = None,
) -> None:
    """Let a simulated user paint slices and correct the worst one, and keep score.

    Example: `napari-densify simulate brain.nii.gz tissue.nii.gz --out run.json --rounds 2`
    """
    volume = read_volume(image)
    labels = read_labels(truth, volume)
    _check_file_target(out)
    if save_prediction:
        check_ending(save_prediction)
        _check_file_target(save_prediction)
    session = Session(volume, settings=Settings(device=device, seed=seed))
    simulation = Simulation(labels, session, slices, seconds)
    session.classes = simulation.robot.classes
    with _progress() as bar:
        task = bar.add_task("starting", total=(rounds + 1) * seconds)

        def watch(round_: int, status: Status) -> None:
            bar.update(
                task,
                completed=min(status.train_seconds, (rounds + 1) * seconds),
                description=f"round {round_}: {status.phase.value}, {status.steps} steps",
            )

        run = simulate(simulation, rounds, watch)
    out.write_text(json.dumps(run.as_dict(), indent=2) + "\n")
    if save_prediction:
        write_labels(save_prediction, volume.like(_as_truth(session.prediction)))
    print_rounds(run.as_dict())


@app.command("train")
def train_command(
    image: Image,
    annotation: Annotated[
        Path,
        typer.Argument(help="Labels: 0 = not annotated, 1 = background, 2… = structures."),
    ],
    out: Annotated[Path, typer.Option(help="Project folder to write, NAME.densify.")],
    seconds: Seconds = 120,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Learn from a sparse annotation and write a project.

    Example: `napari-densify train ct.nii.gz painted.nii.gz --out ct.densify`
    """
    volume = read_volume(image)
    labels = read_labels(annotation, volume)
    classes = [int(k) for k in np.unique(labels) if k]
    _check_classes(classes, annotation)
    _check_device(device)
    check_target(out)
    project = ProjectFolder(
        out,
        describe(volume, image, content_hash(volume)),
        [Label(label=k, name=_class_name(k)) for k in classes],
    )
    session = Session(volume, settings=Settings(device=device, seed=seed), project=project)
    session.paint(np.flatnonzero(labels), labels[labels > 0])
    session.train()
    with _progress() as bar:
        task = bar.add_task("starting", total=seconds)
        for news in session.run():
            session.take(news)
            status = session.status
            bar.update(
                task,
                completed=min(status.train_seconds, seconds),
                description=f"{status.phase.value}, {status.steps} steps",
            )
            if session.training and status.train_seconds >= seconds:
                session.pause()
            if not session.training and status.phase == Phase.PAUSED and status.complete:
                session.stop()
    console.print(f"Wrote {escape(str(out))}")


@app.command("predict")
def predict_command(
    project: Annotated[Path, typer.Argument(help="Project folder with a trained model.")],
    image: Image,
    out: Annotated[Path, typer.Option(help="Segmentation to write, in the image's geometry.")],
    device: Device = "auto",
) -> None:
    """Segment an image with a project's network: 0 = background, 1… = structures.

    Example: `napari-densify predict ct.densify next.nii.gz --out next_seg.nii.gz`
    """
    description = Project.read(project)
    model = Learned(project, description.image.shape).read_model()
    if model is None:
        raise Problem(f"{project} holds no trained model; train it first.")
    volume = read_volume(image)
    check_ending(out)
    _check_file_target(out)
    classes = [c.label for c in description.classes]
    session = Session(
        volume, classes, Settings(device=device, widths=description.learning.widths), model=model
    )
    with _progress() as bar:
        task = bar.add_task("predicting", total=1.0)
        for news in session.run():
            if isinstance(news, Notice):
                session.stop()
                raise Problem(news.sentence.removesuffix(" Learning begins anew."))
            session.take(news)
            bar.update(task, completed=session.status.done)
            if session.status.complete:
                session.stop()
    write_labels(out, volume.like(_as_truth(session.prediction)))
    console.print(f"Wrote {escape(str(out))}")


@app.command("open")
def open_command(
    project: Annotated[Path, typer.Argument(help="Project folder, NAME.densify.")],
) -> None:
    """Open a project in a napari window and go on where it was left.

    Example: `napari-densify open ct.densify`
    """
    schema_of(project)
    from napari_densify.ui.reader import open_window

    open_window(project)


@app.command("info")
def info_command(
    path: Annotated[Path | None, typer.Argument(help="A project or an image.")] = None,
) -> None:
    """Say what a project or an image is; without one, what this machine offers.

    Example: `napari-densify info ct.densify`
    """
    table = Table(show_header=False, box=None)
    if path is None:
        facts = _machine()
    elif path.is_dir():
        project = Project.read(path)
        painted, _ = read_annotation(path, project.image.shape)
        history = Learned(path, project.image.shape).read_history()
        facts = {
            "project": str(path),
            "image": project.image.path,
            "shape": " × ".join(map(str, project.image.shape)),
            "spacing": " × ".join(f"{s:g}" for s in project.image.spacing),
            "classes": ", ".join(f"{c.label} {c.name}" for c in project.classes),
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


def print_rounds(run: dict[str, object]) -> None:
    """The table a run ends with: round, annotated slices, Dice per class, seconds."""
    rounds = run["rounds"]
    assert isinstance(rounds, list)
    table = Table("round", "annotated slices", title=escape(str(run["image"])))
    for label in rounds[0]["dice"]:
        table.add_column(f"Dice {label}", justify="right")
    table.add_column("mean", justify="right")
    table.add_column("seconds", justify="right")
    for r in rounds:
        each = [f"{d:.3f}" for d in r["dice"].values()]
        table.add_row(
            str(r["round"]),
            str(r["annotated_slices"]),
            *each,
            f"{r['dice_mean']:.3f}",
            f"{r['wall_seconds']:.1f}",
        )
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


def _check_classes(classes: list[int], path: Path) -> None:
    if not classes:
        raise Problem(f"{path.name} holds no annotation; paint at least two classes.")
    if len(classes) == 1:
        raise Problem(
            f"{path.name} holds only class {classes[0]}; paint a second one (1 is background)."
        )


def _check_device(name: str) -> None:
    """Refuse early to work on a device that is not there."""
    from napari_densify.learn.device import pick_device

    pick_device(name)


def _check_file_target(path: Path) -> None:
    """Refuse early to write a file where that cannot work."""
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            writable = not path.is_dir()
    except OSError:
        writable = False
    if not writable:
        raise Problem(f"Cannot write {path}; choose a file in a folder that can be written.")


def _as_truth(prediction: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Exported labels: 0 = background, 1… = structures."""
    labels: NDArray[np.uint8] = np.maximum(prediction, 1) - 1
    return labels


def _class_name(label: int) -> str:
    return "background" if label == 1 else f"structure {label - 1}"


@contextmanager
def _progress() -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        yield bar


if __name__ == "__main__":
    main()
