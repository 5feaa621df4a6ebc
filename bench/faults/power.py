"""The power goes after every single call of the system, and what may then be found is opened."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from bench.faults.crash import WAYS, Disk, Image, lay_out
from bench.faults.stage import CLASSES, LABELS, SHAPE, Story, act, open_project, phantom, same, told
from bench.faults.system import Recording
from bench.faults.tally import Lost, Tally, Wrong
from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box
from napari_densify.cases.edit import Edit
from napari_densify.cases.history import Entry
from napari_densify.session.session import Session


class Marking(Story):
    """A story that is told to a recording too."""

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self._recording = recording

    def begin(self, edit: Edit) -> None:
        super().begin(edit)
        self._recording.mark("begin", edit)

    def finish(self) -> None:
        super().finish()
        self._recording.mark("finish")


def record(folder: Path, seed: int) -> Recording:
    """Paint, fold, learn, describe, keep snapshots, close and open again; all of it recorded."""
    rng = np.random.default_rng(seed)
    with Recording(folder.parent) as recording:
        recording.mark("learned", None)
        story = Marking(recording)
        for life in range(2):
            project = told(folder, story)
            session = Session(phantom(), LABELS, project=project)
            for turn in range(2):
                for _ in range(4):
                    act(session, rng)
                project.describe(classes=CLASSES[: 1 + (life + turn) % 3])
                recording.mark("described", project.description.classes)
                project.fold()
                for _ in range(3):
                    act(session, rng)
                snapshot = project.take_snapshot(f"{life} {turn}")
                recording.mark("kept", snapshot, copy.deepcopy(story.sure))
                model = bytes(save({"weight": np.full(9, 2 * life + turn, np.float32)}))
                recording.mark("learning", model)
                project.learned.save_model(model)
                recording.mark("learned", model)
                prediction = np.full(SHAPE, 1 + turn, np.uint8)
                project.learned.save_prediction(prediction, [Box((0, 0, 0), SHAPE)])
                project.learned.add_history([Entry(time="now", steps=turn)])
            project.close()
    return recording


class Known:
    """What must be there after a part of a recording."""

    def __init__(self) -> None:
        self.story = Story()
        self.models: list[bytes | None] = []
        self.snapshots: dict[int, Annotation] = {}

    def follow(self, entry: tuple[Any, ...]) -> None:
        """One more entry of the log."""
        what = entry[1] if entry[0] == "mark" else ""
        if what == "begin":
            self.story.begin(entry[2])
        elif what == "finish":
            self.story.finish()
        elif what == "kept":
            self.snapshots[entry[2].number] = entry[3]
        elif what == "learning":
            self.models.append(entry[2])
        elif what == "learned":
            self.models = [entry[2]]

    def check(self, folder: Path) -> None:
        """Open what was found, compare, paint on, and open it again.

        Raises
        ------
        Lost or Wrong
        """
        project = open_project(folder)
        try:
            if not self.story.agrees(project.annotation):
                raise Lost(f"number {project.number}, told of {self.story.strokes}")
            notes = [note for note in project.notes if "half written" not in note]
            model = project.learned.read_model()
            prediction = np.zeros(SHAPE, np.uint8)
            project.learned.read_prediction(prediction)
            if notes or project.notes[len(notes) + 1 :]:
                raise Wrong(" ".join(project.notes))
            if model not in self.models or prediction.max() > 2:
                raise Wrong("a model or prediction that was never saved last")
            kept = {s.number: project.snapshots.read(s) for s in project.snapshots.list()}
            for number, then in self.snapshots.items():
                if number not in kept or not np.array_equal(kept[number].marks, then.marks):
                    raise Lost(f"snapshot {number}")
            edit = project.annotation.change(np.arange(7), 9)
            assert edit is not None
            project.commit(edit)
        finally:
            project.close()
        again = open_project(folder)
        again.close()
        if again.notes or not same(again.annotation, project.annotation):
            raise Wrong("not the same when it is opened again")


def power_cuts(place: Path, count: int, seed: int = 0) -> Tally:
    """Cut the power after every call, in every way; of all those cases, `count` at even distances.

    Parameters
    ----------
    count : int
        0 for all of them.
    """
    tally, rng, root = (
        Tally("power cut at each system call"),
        np.random.default_rng(seed),
        place / "s",
    )
    root.mkdir()
    log = record(root / "a.densify", seed).log
    cases = len(log) * len(WAYS)
    chosen = set(np.linspace(0, cases - 1, count or cases, dtype=int).tolist())
    disk, known, last = Disk(), Known(), {}
    for number, entry in enumerate(log):
        disk.replay(entry)
        known.follow(entry)
        for which, way in enumerate(WAYS):
            if number * len(WAYS) + which not in chosen:
                continue
            image = disk.after(way, rng)
            if last.get(way) == image and entry[0] != "mark":
                tally.tried += 1  # nothing has changed since it was opened
                continue
            last[way] = image
            with tally.case(f"call {number} ({entry[0]}), {way}, seed {seed}"):
                one_cut(image, root, place / "found", known)
    return tally


def one_cut(image: Image, root: Path, found: Path, known: Known) -> None:
    """Open what was found after one power cut.

    Raises
    ------
    Lost or Wrong
    """
    shutil.rmtree(found, ignore_errors=True)
    lay_out(image, root, found)
    known.check(found / "a.densify")
