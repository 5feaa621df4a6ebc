"""What the network of some cases knows of the next one, and whether it forgets the first ones."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal
from unittest.mock import patch

import numpy as np
import typer
from rich.console import Console

from bench.report import OUT, Figure, report
from bench.volumes import DATA, FILES, HIPPOCAMPI, Task, tasks
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.formats import read_volume
from napari_densify.cases.place import place_in
from napari_densify.cases.plane import Plane
from napari_densify.cases.project import Label
from napari_densify.cases.reference import describe
from napari_densify.cases.volume import content_hash
from napari_densify.learn import pretrained
from napari_densify.session import loop
from napari_densify.session.link import Settings
from napari_densify.session.news import Phase
from napari_densify.session.others import read_others
from napari_densify.session.robot import Stroke
from napari_densify.session.score import dice
from napari_densify.session.session import Session

SLICES = 3


def next_case(
    seconds: Annotated[float, typer.Option(help="Learning for each case and round.")] = 30,
    steps: Annotated[
        int, typer.Option(help="Steps instead, which no other program on the machine changes.")
    ] = 0,
    seeds: Annotated[int, typer.Option(help="Runs.")] = 1,
    first: Annotated[
        int, typer.Option(min=0, max=5, help="Which of the six is case 1; the others follow.")
    ] = 0,
    whole: Annotated[
        bool, typer.Option(help="Paint all of cases 1 to 3: as much as they can teach of case 4.")
    ] = False,
) -> None:
    """Paint three slices in each of three hippocampi, go on to the others, look back at the first.

    A fresh network learns from three slices of the fourth alone, for as long as the project had
    for all of its cases up to then; so does one that saw nothing beforehand either.
    """
    if not DATA.is_dir():
        Console().print(f"No shared volumes at {DATA}: no next case.")
        return
    effort = Effort(steps, "steps") if steps else Effort(seconds, "train_seconds")
    if whole:
        runs = [taught_whole(effort, seed, first) for seed in range(seeds)]
        Console().print_json(json.dumps(runs))
        return
    runs = [run(effort, seed, first) for seed in range(seeds)]
    OUT.mkdir(exist_ok=True)
    (OUT / "next-case-runs.json").write_text(json.dumps(runs, indent=2) + "\n")
    Console().print_json(json.dumps(runs))
    gain, above = (
        [run["case 4, unpainted"] - run[of] for run in runs]
        for of in ("case 4, fresh network", "case 4, a network that saw nothing else")
    )
    better = [r["case 4, one correction round"] - r["case 4, unpainted"] for r in runs]
    lost = [r["case 1, then"] - r["case 1, in the end"] for r in runs]
    figures = [
        Figure("case 4 unpainted above a fresh network on 3 slices", min(gain), 0.001, True),
        Figure("… above one that saw only those 3 slices", min(above), 0.001, True),
        Figure("case 4 after one correction round above that", min(better), 0.001, True),
        Figure("lost in case 1 after case 6", max(lost), 0.02),
    ]
    report("next-case", figures)


@dataclass(frozen=True)
class Effort:
    """How much is learned: so many of what a status counts."""

    amount: float
    counted: Literal["steps", "train_seconds"]

    def __mul__(self, times: int) -> Effort:
        return replace(self, amount=times * self.amount)


def run(effort: Effort, seed: int, first: int) -> dict[str, float]:
    """Mean Dice of the structures along the way; where nothing is annotated, if anything is."""
    todo, scores = _tasks(first), Scores()
    note = scores.note
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "hippocampi.densify"
        note("case 1, then", _visit(home, todo[0], seed, effort, _slices))
        for task in todo[1:3]:
            _visit(home, task, seed, effort, _slices)
        note("case 4, unpainted", _visit(home, todo[3], seed))
        fresh = Path(folder) / "fresh.densify"
        note("case 4, fresh network", _visit(fresh, todo[3], seed, effort * 3, _slices))
        scratch = Path(folder) / "scratch.densify"
        with patch.object(pretrained, "serves", return_value=False):
            score = _visit(scratch, todo[3], seed, effort * 3, _slices)
        note("case 4, a network that saw nothing else", score)
        note("case 4, one correction round", _visit(home, todo[3], seed, effort, _worst))
        for task in todo[4:]:
            _visit(home, task, seed, effort, _slices)
        note("case 1, in the end", _visit(home, todo[0], seed))
        note("case 1, learned from again", _visit(home, todo[0], seed, effort))
    return scores


def taught_whole(effort: Effort, seed: int, first: int) -> dict[str, float]:
    """Dice in a fourth case, unpainted, of a network that was told all voxels of three others."""
    todo, scores = _tasks(first), Scores()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "hippocampi.densify"
        for task in todo[:3]:
            _visit(home, task, seed, effort, _whole)
        scores.note("case 4, unpainted", _visit(home, todo[3], seed))
        fresh = Path(folder) / "fresh.densify"
        scores.note("case 4, fresh network", _visit(fresh, todo[3], seed, effort * 3, _slices))
    return scores


class Scores(dict[str, float]):
    """Dice along the way, printed as it comes."""

    def note(self, what: str, score: float) -> None:
        self[what] = round(score, 4)
        Console().print(f"{what}: {score:.3f}", highlight=False)


def _tasks(first: int) -> list[Task]:
    return list(tasks(HIPPOCAMPI[first:] + HIPPOCAMPI[:first], SLICES, Console()))


def _whole(task: Task, session: Session) -> list[Stroke]:
    planes = [Plane(0, z) for z in range(task.volume.shape[0])]
    return [stroke for plane in planes for stroke in task.robot.paint(plane)]


def _slices(task: Task, session: Session) -> list[Stroke]:
    planes = task.robot.planes(SLICES)
    return [stroke for plane in planes for stroke in task.robot.paint(plane)]


def _worst(task: Task, session: Session) -> list[Stroke]:
    return list(task.robot.correct(session.prediction, task.robot.worst(session.prediction)))


def _visit(
    home: Path,
    task: Task,
    seed: int,
    effort: Effort | None = None,
    strokes: Callable[[Task, Session], list[Stroke]] | None = None,
) -> float:
    """Open a case of a project, paint in it, let it learn, and score the prediction."""
    file = DATA / f"{FILES[task.name]}_image.nii.gz"
    content = content_hash(task.volume)
    about = describe(task.volume, file, content)
    classes = [Label(label=k, name=f"class {k}") for k in task.robot.classes]
    path = home
    if home.exists() and _content(home) != content:
        there = [p for p in (home / "cases").glob("*") if _content(p) == content]
        path = there[0] if there else place_in(home, file, content)
    project = ProjectFolder(path, about, classes)
    others, _ = read_others(project, lambda _, image: read_volume(Path(image.path)))
    session = Session(task.volume, settings=Settings(seed=seed), project=project, others=others)
    for stroke in strokes(task, session) if strokes else ():
        session.paint(stroke.plane.voxels(stroke.mask, task.volume.shape), stroke.label)
    session.train(effort is not None)
    end = None
    for news in loop.run(session):
        session.take(news)
        status = session.status
        if effort and status.phase in (Phase.TRAINING, Phase.LEARNED):
            learned = getattr(status, effort.counted)
            end = learned + effort.amount if end is None else end
            if session.training and (learned >= end or status.phase == Phase.LEARNED):
                session.pause()
        if not session.training and status.phase == Phase.PAUSED and status.complete:
            session.stop()
    free = session.annotation.labels == 0
    each = dice(session.prediction, task.robot.truth, task.structures, free)
    return float(np.mean(list(each.values())))


def _content(folder: Path) -> str:
    return str(json.loads((folder / "project.json").read_text())["image"]["content"])


if __name__ == "__main__":
    typer.run(next_case)
