"""No room, or no right, to write: at each thing that a project writes, once or for good."""

from __future__ import annotations

import errno
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from bench.faults.stage import (
    CLASSES,
    LABELS,
    SHAPE,
    Story,
    act,
    look,
    phantom,
    same,
    told,
)
from bench.faults.system import FULL, Refusing
from bench.faults.tally import Tally, Wrong
from napari_densify.cases.box import Box
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.history import Entry
from napari_densify.cases.problem import Problem
from napari_densify.session.session import Session

WAYS = ("once", "half of it", "for good")


def full_disks(place: Path, count: int, seed: int = 0) -> Tally:
    """Let the disk be full at every write of a session; `count` of those cases, 0 for all.

    What is refused must be said, must not count, and must leave the rest as it was.
    """
    tally, rng = Tally("full disk or quota at each write"), np.random.default_rng(seed)
    writes = one_session(place / "dry" / "a.densify", Refusing(place / "dry", -1, 0), seed)
    cases = [(at, way) for at in range(writes) for way in WAYS]
    chosen = np.linspace(0, len(cases) - 1, count or len(cases), dtype=int)
    for number in chosen:
        at, way = cases[number]
        code = FULL[int(rng.integers(len(FULL)))]
        root = place / "full"
        shutil.rmtree(root, ignore_errors=True)
        disk = Refusing(root, at, code, way == "for good", way == "half of it")
        with tally.case(f"{errno.errorcode[code]} at write {at}, {way}, seed {seed}"):
            try:
                one_session(root / "a.densify", disk, seed)
                if not disk.refused:
                    raise Wrong("nothing was refused")
            except Exception as error:
                error.args = (f"{error.args[0] if error.args else ''} ({disk.refused})",)
                raise
    return tally


def one_session(folder: Path, disk: Refusing, seed: int) -> int:
    """Paint and keep things on a disk that may refuse; then with room again; then look.

    Returns
    -------
    int
        How many things needed room while it could refuse.

    Raises
    ------
    Lost or Wrong
    """
    folder.parent.mkdir(parents=True)
    rng, story = np.random.default_rng(seed), Story()
    project = told(folder, story)
    session = Session(phantom(), LABELS, project=project)
    with disk:
        for turn in range(2):
            for _ in range(3):
                with suppress(Problem):
                    act(session, rng)
            with suppress(Problem):
                describe_anew(project, turn)
            keep_all(project, turn)
        if not same(session.annotation, story.sure):
            raise Wrong("a stroke that was refused counts all the same")
    # The window is closed just so, or there is room again and more is painted and kept.
    if rng.random() < 0.7 or not project.writable:
        _paint_on(session, project, rng)
    session.close()
    look(folder, story)
    return disk.seen


def describe_anew(project: ProjectFolder, turn: int) -> None:
    project.describe(classes=CLASSES[: 1 + turn])


def keep_all(project: ProjectFolder, turn: int) -> None:
    """Each by itself, as `session.keeping` does."""
    prediction = np.full(SHAPE, 1 + turn, np.uint8)
    learned = project.learned
    model = bytes(save({"weight": np.full(9, turn, np.float32)}))
    for step in (
        project.fold,
        lambda: project.take_snapshot(f"{turn}"),
        lambda: learned.save_model(model),
        lambda: learned.save_prediction(prediction, [Box((0, 0, 0), SHAPE)]),
        lambda: learned.add_history([Entry(time="now", steps=turn)]),
    ):
        with suppress(Problem, OSError):
            step()


def _paint_on(session: Session, project: ProjectFolder, rng: np.random.Generator) -> None:
    """With room again nothing is refused any more."""
    for _ in range(3):
        act(session, rng)
    session.paint(np.arange(5), 7)
    project.fold()
    project.take_snapshot("later")
    describe_anew(project, 2)
