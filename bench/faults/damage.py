"""Every file of a project cut at any length, or with flipped bits.

Opening must give the exact annotation; or an exact one without some of the journal's strokes,
which is said; or a sentence why not, with every file left as it was.
"""

from __future__ import annotations

import copy
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from bench.faults.stage import LABELS, SHAPE, Story, act, open_project, phantom, same, told
from bench.faults.tally import Lost, Tally, Wrong
from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box
from napari_densify.cases.edit import Edit
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.history import Entry
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Learning, Project
from napari_densify.cases.records import Record, encode
from napari_densify.session.session import Session

MADE_ANEW = ("lock", "holder.json")
"""Files that an opening makes anew, whatever they were."""


@dataclass(frozen=True)
class Known:
    """A whole project, and all that is in it.

    Attributes
    ----------
    folder : Path
        Never changed; cases work on copies.
    exact : Annotation
    folded : Annotation
        As it was when the journal was last folded; empty if it never was.
    later : list of bytes
        The journal's record of each stroke since.
    edits : list of Edit
        The same as edits.
    prediction : (z, y, x) uint8 array
    models : tuple of bytes
    description : Project
    """

    folder: Path
    exact: Annotation
    folded: Annotation
    later: list[bytes]
    edits: list[Edit]
    prediction: np.ndarray
    models: tuple[bytes, ...]
    description: Project


def whole(folder: Path, seed: int, fold: bool) -> Known:
    """Paint a project in which there is something of everything."""
    rng, story = np.random.default_rng(seed), Story()
    project = told(folder, story)
    session = Session(phantom(), LABELS, project=project)
    later: list[tuple[int, Edit]] = []

    def note(edit: Edit) -> None:
        later.append((project.number, edit))

    folded = Annotation(SHAPE)
    if not fold:
        session.edited.connect(note)
    for _ in range(25):
        act(session, rng)
    if fold:
        session.undo()  # then the journal has something that can be redone
        project.fold()
        folded = copy.deepcopy(story.sure)
        session.edited.connect(note)
    for _ in range(8):
        act(session, rng)
    prediction = rng.integers(1, 4, SHAPE).astype(np.uint8)
    models = tuple(bytes(save({"weight": np.full(50, n, np.float32)})) for n in range(3))
    for model in models:
        project.learned.save_model(model)
    project.learned.save_prediction(prediction, [Box((0, 0, 0), SHAPE)])
    project.learned.add_history([Entry(time="now", steps=n) for n in range(5)])
    project.describe(learning=Learning(strength=3.0))
    project.take_snapshot("mine")
    project.close()
    return Known(
        folder,
        story.sure,
        folded,
        [encode(Record(number, edit)) for number, edit in later],
        [edit for _, edit in later],
        prediction,
        models,
        project.description,
    )


def damages(place: Path, count: int, seed: int = 0) -> Tally:
    """Damage a file of a project `count` times, each time a copy of a whole one."""
    tally, rng = Tally("cut files, flipped bits"), np.random.default_rng(seed)
    models = [whole(place / f"whole-{fold}.densify", seed, fold) for fold in (True, False)]
    for number in range(count):
        known = models[number % 2]
        names = sorted(name for name, content in _bytes(known.folder).items() if content)
        # Half of the cases meet the files that hold strokes, the rest all files in turn.
        precious = [name for name in names if name == "journal" or "annotation.zarr" in name]
        name = str(rng.choice(precious)) if rng.random() < 0.5 else names[number // 2 % len(names)]
        content = (known.folder / name).read_bytes()
        harm = _cut if rng.random() < 0.5 else _flip
        if name == "journal" and rng.random() < 0.3:
            harm = _cut_between
        after, what = harm(content, rng)
        with tally.case(f"{name} of the {'folded' if number % 2 == 0 else 'plain'} one, {what}"):
            one_damage(place / "damaged.densify", known, name, after, tally)
    return tally


def one_damage(copied: Path, known: Known, name: str, content: bytes, tally: Tally) -> None:
    """Open a copy in which one file holds something else.

    Raises
    ------
    Lost or Wrong
    """
    shutil.rmtree(copied, ignore_errors=True)
    shutil.copytree(known.folder, copied)
    (copied / name).write_bytes(content)
    before = _bytes(copied)
    try:
        project = open_project(copied)
    except Problem as problem:
        tally.refuse(problem)
        if _bytes(copied) != before:
            raise Wrong("refused, and files were changed all the same") from problem
        return
    try:
        _judge(project, known, name, content)
        _judge_learned(project, known)
    finally:
        project.close()
    again = open_project(copied)
    again.close()
    if not _same_marks(again.annotation, project.annotation):
        raise Wrong("another annotation at the second opening")


def _judge(project: ProjectFolder, known: Known, name: str, content: bytes) -> None:
    described = project.description.model_copy(update={"image": known.description.image})
    if described != known.description:
        raise Wrong("another description")
    if same(project.annotation, known.exact):
        return
    if name != "journal":
        raise Lost("strokes are missing though the journal is whole")
    survived = copy.deepcopy(known.folded)
    for record, edit in zip(known.later, known.edits, strict=True):
        if record in content:
            survived.apply(edit)
    if not _same_marks(project.annotation, survived):
        raise Wrong("an annotation that is not what the whole records make")
    if not project.notes:
        raise Lost("strokes or what can be undone is missing, and nothing was said")


def _judge_learned(project: ProjectFolder, known: Known) -> None:
    model = project.learned.read_model()
    if model not in known.models:
        raise Wrong("a model that was never saved")
    prediction = np.zeros(SHAPE, np.uint8)
    noted = len(project.notes)
    project.learned.read_prediction(prediction)
    if len(project.notes) == noted and not np.array_equal(prediction, known.prediction):
        raise Wrong("another prediction, and nothing was said")
    project.learned.read_history()
    for snapshot in project.snapshots.list():
        try:
            then = project.snapshots.read(snapshot)
        except Problem:
            continue
        if not _same_marks(then, known.exact):
            raise Wrong("another snapshot")


def _same_marks(one: Annotation, other: Annotation) -> bool:
    return np.array_equal(one.marks, other.marks) and np.array_equal(one.counts, other.counts)


def _cut(content: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    length = int(rng.integers(len(content)))
    return content[:length], f"cut to {length} of {len(content)} bytes"


def _cut_between(content: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Cut where a record of the journal begins: nothing in what is left is harmed."""
    starts = [0] + [at for at in range(len(content)) if content.startswith(b"\x89E", at)]
    length = int(rng.choice(starts))
    return content[:length], f"cut between records, to {length} of {len(content)} bytes"


def _flip(content: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    damaged = bytearray(content)
    bits = rng.choice(8 * len(content), rng.integers(1, 4), replace=False).tolist()
    for bit in bits:
        damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged), f"bits {bits} flipped"


def _bytes(folder: Path) -> dict[str, bytes]:
    """Every file's content, but of those that are made anew."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and file.name not in MADE_ANEW
    }
