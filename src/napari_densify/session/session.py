"""One running loop on a volume: edits in, prediction blocks and status out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box
from napari_densify.cases.checked import Checked, read_checked
from napari_densify.cases.comparison import echoes
from napari_densify.cases.edit import Edit
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.history import Entry
from napari_densify.cases.oblique import ObliquePlane
from napari_densify.cases.plane import Plane
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Learning
from napari_densify.cases.snapshot import Snapshot
from napari_densify.cases.summary import Mark
from napari_densify.cases.view import View
from napari_densify.cases.volume import Volume
from napari_densify.session.agreement import Agreement
from napari_densify.session.drive import Drive
from napari_densify.session.keeping import Keeping, NotKept
from napari_densify.session.news import (
    Block,
    Fold,
    Load,
    Look,
    Lost,
    Message,
    Model,
    Moved,
    News,
    Notice,
    Phase,
    Replay,
    Reset,
    Status,
    Strength,
    Taken,
    Train,
)
from napari_densify.session.shown import Shown
from napari_densify.session.worker import Link, Settings, Worker

log = logging.getLogger(__name__)

ONCE = 10.0
"""Seconds of learning when it is asked to learn once."""

OpenWorker = Callable[[Volume, list[int], Settings], Link]


class Session:
    """Owns the annotation and the prediction of a volume and drives a worker.

    `run` is a generator to be consumed by whoever has a thread for it; what it yields goes to
    `take` on the owner's thread, which updates the arrays and emits the signals. The worker
    never touches either, so nothing here is lost when it dies.

    Parameters
    ----------
    volume : Volume
    classes : iterable of ints
        Labels to tell apart at least; annotated ones are added by themselves.
    settings : Settings
    open_worker : callable
        `Worker` for this process, `WorkerProcess` for another.
    model : bytes, optional
        A saved model to start from.
    project : ProjectFolder, optional
        Where edits and models are kept; what it holds already is the state to begin with.
    others : sequence of Replay
        The project's other cases, which are learned from too.

    Attributes
    ----------
    prediction, uncertainty : (z, y, x) uint8
        What is shown, see `Shown`.
    checked : Checked
        The slices that the user has looked at and found right.
    live : bool
        Whether it learns by itself, or only when asked to; see `train_once`.
    locked : set of ints
        Labels whose painted voxels `paint` leaves alone.
    scored : signal
        A round and how well the prediction fitted what was painted in it, see `Agreement`.
    past : list of Entry
        How learning went before, as the project tells it.
    """

    status_changed = Signal(Status)
    prediction_changed = Signal(Box)
    edited = Signal(Edit)
    round_changed = Signal(int)
    training_changed = Signal(bool)
    checked_changed = Signal(Checked)
    scored = Signal(int, float)
    worker_lost = Signal(str)
    noticed = Signal(str)
    moved = Signal(Path)
    snapshot_taken = Signal(Snapshot)

    def __init__(
        self,
        volume: Volume,
        classes: Iterable[int] = (),
        settings: Settings | None = None,
        open_worker: OpenWorker = Worker,
        model: bytes | None = None,
        project: ProjectFolder | None = None,
        others: Sequence[Replay] = (),
    ) -> None:
        self.volume, self.others = volume, others
        self.classes = sorted({1, 2, *classes})
        self.settings = settings or Settings()
        self.annotation = project.annotation if project else Annotation(volume.shape)
        self._show = Shown(self.annotation)
        self.prediction, self.uncertainty = self._show.prediction, self._show.uncertainty
        self.disagreements = self._show.disagreements
        self.status = Status(Phase.STARTING)
        self.checked = Checked()
        self.past: list[Entry] = []
        self.model = model
        self.project = project
        self._open_worker = open_worker
        self.drive = Drive(self._meet_worker, self._greet)
        self.locked: frozenset[int] = frozenset()
        self._folded: dict[int, int] = {}
        self.live = True
        self._training = False
        self._rest_after: Status | None = None
        self._view: Plane | ObliquePlane | None = None
        self._shown = False
        self._edits = 0
        self._reset_at = 0
        self._keeping = Keeping(project, self.prediction) if project else NotKept()
        self._agreement = Agreement(self)
        if project is not None and project.exists:
            self._restore(project)
            if project.writable:
                self._bring_up_to_classes(project)
        elif project is not None:
            project.describe(learning=self._learning())

    # The user's side: called on the owner's thread, never waits.

    def paint(self, where: NDArray[np.int64], labels: NDArray[np.uint8] | int) -> Edit | None:
        """Give voxels new labels, but for those of locked classes; 0 erases.

        Parameters
        ----------
        where : (n,) int64
            Flat voxel indices (C order).
        labels : (n,) uint8 or int

        Returns
        -------
        Edit or None
            None if that changes nothing.

        Raises
        ------
        Problem
            If the edit cannot be kept in the project; it does not count then.
        """
        if self.locked:
            free = ~np.isin(self.annotation.at(where)["label"], list(self.locked))
            where, labels = where[free], np.broadcast_to(labels, where.shape)[free]
        shown = self.prediction.reshape(-1)[where]
        # Where something was painted before, that is what was shown, not a prediction.
        predicted = (shown != 0) & (self.annotation.at(where)["label"] == 0)
        edit = self.annotation.change(
            where, labels, wrong=predicted & (shown != labels), new_round=self._shown
        )
        return self.commit(edit)

    def commit(self, edit: Edit | None) -> Edit | None:
        """Bring an edit of the annotation into force, and hand it back; None is none.

        Raises
        ------
        Problem
            If the edit cannot be kept in the project; it does not count then.
        """
        if edit is not None:
            self._commit(edit)
        return edit

    def undo(self) -> Edit | None:
        """Take the last edit back."""
        return self.commit(self.annotation.undo())

    def redo(self) -> Edit | None:
        """Bring the last undone edit back."""
        return self.commit(self.annotation.redo())

    def follow(self, labels: NDArray[np.uint8], box: Box) -> list[Edit]:
        """Bring the annotation to the state of somebody else's labels.

        Parameters
        ----------
        labels : (z, y, x) uint8
            The whole volume, for instance a napari layer's data.
        box : Box
            Where it may have changed.

        Returns
        -------
        list of Edit
            What was taken as undo or redo, then what was painted.
        """
        edits: list[Edit] = []
        while steps := echoes(self.annotation, labels):
            for step in steps:
                self._commit(step)
            edits += steps
        part = labels[box.slices]
        local = np.argwhere(part != self.annotation.read(box)["label"])
        where = np.ravel_multi_index(tuple((local + box.start).T), self.annotation.shape)
        painted = self.paint(where, part[tuple(local.T)])
        return [*edits, painted] if painted else edits

    def see(self, view: View) -> None:
        """The user looks at it like this: a project opens the same way again."""
        self._keeping.see(view)

    def require(self, labels: Iterable[int]) -> None:
        """Tell these classes apart too, painted or not; before `run`."""
        self.classes = sorted({*self.classes, *labels})

    def fold(self, label: int, into: int = 0) -> None:
        """No longer tell a class apart: what was learned of it counts as another one.

        0: as none. Once it is annotated again, it is told apart again. What is shown of it follows
        by `redraw`.
        """
        self.classes = [k for k in self.classes if k != label]
        with self.drive.lock:
            self._folded[label] = into
            self._edits += 1
            self.drive.post(Fold(label, into))
        self._keep_learning()

    def voxels(self, label: int) -> Iterator[tuple[Box, NDArray[np.int64]]]:
        """Where a class is predicted, piece by piece; takes long, and may be asked in a thread."""
        return self._show.voxels(label)

    def redraw(self, box: Box, where: NDArray[np.int64], label: int) -> None:
        """Show voxels of a folded class, found by `voxels`, as what it counts as now."""
        if label in self._folded:
            self._show.fold(where, label, self._folded[label])
            self._changed(box)

    def look(self, plane: Plane | ObliquePlane) -> None:
        """The user looks at this plane: it is predicted first."""
        if plane != self._view:
            self._view = plane
            self.drive.post(Look(plane))

    def check(self, plane: Plane, on: bool = True) -> None:
        """The user has looked at a slice and found it right, or takes that back."""
        if (plane in self.checked) != on and not self.read_only:
            self.checked = self.checked.mark(plane, on)
            self._keeping.check(self.checked)
            self.checked_changed.emit(self.checked)

    def train(self, on: bool = True) -> None:
        """Start or go on training; False pauses."""
        self._rest_after = None
        self._training = on
        self.drive.post(Train(on))
        self.training_changed.emit(on)

    def train_once(self, seconds: float = ONCE) -> None:
        """Learn for that long from all that is painted, predict everything, and rest."""
        self.train()
        now = self.status
        self._rest_after = replace(now, train_seconds=now.train_seconds + seconds)

    def set_live(self, live: bool) -> None:
        """Learn by itself from now on, or only at a press; the project keeps which."""
        self.live = live
        self._keep_learning()
        self.train(live)

    def pause(self) -> None:
        """Let the training rest; what is left to predict is still predicted."""
        self.train(False)

    @property
    def read_only(self) -> bool:
        """Whether the project is somebody else's: nothing can be painted or learned then."""
        return self.project is not None and self.project.read_only

    @property
    def training(self) -> bool:
        """Whether the user wants it to train."""
        return self._training

    def set_strength(self, strength: float) -> None:
        """Change the strength of corrections, see `cases.weight`."""
        self.settings = replace(self.settings, strength=strength)
        self.drive.post(Strength(strength))
        self._keep_learning()

    @property
    def mark(self) -> Mark:
        """What the user says of the case, see `cases.summary`."""
        return self._keeping.mark

    @mark.setter
    def mark(self, mark: Mark) -> None:
        self._keeping.mark = mark

    def move(self, target: Path) -> None:
        """Give the project another name or place; `moved` says when it is there."""
        self._keeping.move(target)

    def take_snapshot(self, name: str) -> None:
        """Keep the annotation as it is now; `snapshot_taken` says when it is on the disk."""
        self._keeping.take_snapshot(name)

    def restore(self, then: Annotation) -> Edit | None:
        """Bring an earlier state of the annotation back, as one edit that can be undone.

        Raises
        ------
        Problem
            If the edit cannot be kept in the project; it does not count then.
        """
        earlier = then.everything()
        return self.commit(self.annotation.turn_into(earlier.where, earlier.after))

    def reset(self) -> None:
        """Forget what was learned; the annotation stays."""
        self.model = None
        self._show.forget()
        self._shown = False
        with self.drive.lock:
            self._keeping.changed(Box((0, 0, 0), self.volume.shape))
            for notice in self._keeping.forget():
                self.noticed.emit(notice.sentence)
            self._edits += 1
            self._reset_at = self._edits
            self.drive.post(Reset())
        self.train(self._training and self.live)  # what was asked for once is done with
        self.prediction_changed.emit(Box((0, 0, 0), self.volume.shape))

    def stop(self) -> None:
        """End `run` after the present turn."""
        self.drive.stop()

    def weights(self) -> NDArray[np.float32]:
        """(z, y, x) float32 weight w of each voxel's loss as of now."""
        return self.annotation.weights(self.settings.strength)

    # The worker's side.

    def run(self) -> Iterator[News]:
        """Start the worker and drive it until `stop`; blocks, so give it a thread.

        Yields
        ------
        News
            To be handed to `take` on the owner's thread.

        Raises
        ------
        WorkerLost
            If one worker after the other dies before it has done anything.
        """
        with closing(self.drive.run()) as drive, closing(self):
            for news in drive:
                if news is not None:
                    yield from self._keep(news)
                    yield news
                else:
                    yield from self._keeping.tick()
        yield Status(Phase.STOPPED)

    def take(self, news: News) -> None:
        """Update prediction and status from what `run` yielded."""
        match news:
            case Block() if self.status.edits < self._reset_at:
                pass  # from before the reset
            case Model() if news.edits < self._reset_at:
                pass
            case Block():
                self._show.take(news, self._folded)
                self._changed(news.box)
            case Status():
                taught = self._edits > 0 or len(self.others) > 0 or self.model is not None
                shown = news.complete and news.edits >= self._edits and taught
                self._keeping.follow(news, shown and not self._shown)
                self._shown |= shown
                self.status = news
                if self._rest_after is not None and _beyond(news, self._rest_after):
                    self.pause()
                self.status_changed.emit(news)
            case Model():
                self.model = news.data
            case Lost():
                self.worker_lost.emit(news.reason)
            case Notice():
                self.noticed.emit(news.sentence)
            case Moved():
                self.moved.emit(news.path)
            case Taken():
                self.snapshot_taken.emit(news.snapshot)

    def close(self) -> None:
        """Write what is left and let go of the project; `run` does so at its end."""
        for notice in self._keeping.finish():
            log.warning("%s", notice.sentence)

    def _restore(self, project: ProjectFolder) -> None:
        """Go on from what the project holds."""
        learned = project.learned
        learned.read_prediction(self.prediction)
        self.annotation.draw(self.prediction)
        self.model = self.model or learned.read_model()
        learning = project.description.learning
        widths = learning.widths or self.settings.widths
        self.settings = replace(
            self.settings, strength=learning.strength, widths=widths, spacing=project.spacing
        )
        painted = self.annotation.classes
        self.live = learning.live
        self._folded = {k: into for k, into in learning.folded.items() if k not in painted}
        for label, into in self._folded.items():  # it was perhaps closed before all was redrawn
            for _, where in self._show.voxels(label):
                self._show.fold(where, label, into)
        self.past = learned.read_history()
        try:
            self.checked = read_checked(project.path, self.volume.shape)
        except Problem as problem:
            project.notes.append(str(problem))
        shown = [entry.edits for entry in self.past if entry.event == "shown"]
        self._shown = bool(shown) and shown[-1] == project.number > 0

    def _bring_up_to_classes(self, project: ProjectFolder) -> None:
        """Repaint what was merged or deleted while another case of the project was open."""
        gone = set(self.annotation.classes) & project.description.became.keys()
        if gone:
            painted = self.annotation.everything()
            for label in gone:
                where = painted.where[painted.after["label"] == label]
                self.paint(where, project.description.became[label])

    def _learning(self) -> Learning:
        return Learning(
            strength=self.settings.strength,
            widths=self.settings.widths,
            spacing=self.settings.spacing,
            live=self.live,
            folded=dict(self._folded),
        )

    def _keep_learning(self) -> None:
        if self.project is not None and not self.read_only:
            try:
                self.project.describe(learning=self._learning())
            except Problem as problem:
                self.noticed.emit(str(problem))

    def _keep(self, news: News) -> Iterator[Notice]:
        """Save a model, without holding up the user's side; unless it is from before a reset."""
        if isinstance(news, Model) and news.edits >= self._reset_at:
            yield from self._keeping.save_model(news)
            if news.edits < self._reset_at:
                yield from self._keeping.forget()

    def _changed(self, box: Box) -> None:
        self._keeping.changed(box)
        self.prediction_changed.emit(box)

    def _commit(self, edit: Edit) -> None:
        with self.drive.lock:
            if self.project is not None:
                self.project.commit(edit)  # on disk before it counts
            else:
                self.annotation.apply(edit)
            for label in self._folded.keys() & set(self.annotation.classes):
                del self._folded[label]
            self._edits += 1
            self.drive.post(edit)
        self._shown = False
        self._show.follow(edit)
        self.edited.emit(edit)
        if edit.round_after != edit.round_before:
            self.round_changed.emit(edit.round_after)
        if edit.round_after > edit.round_before and not edit.undoes:
            self._score(edit.round_before)

    def _score(self, ended: int) -> None:
        score = self._agreement.score(ended)
        if score is not None:
            self._keeping.scored(self.status, ended, score)
            self.scored.emit(ended, score)

    def _meet_worker(self) -> Link:
        """Start a worker; it is told of the other cases at once, as they do not change."""
        link = self._open_worker(self.volume, self.classes, self.settings)
        for case in self.others:
            link.deliver(case)
        return link

    def _greet(self) -> Iterator[Message]:
        """What a new worker has to know, and from where edits are counted for it."""
        if self.annotation.annotated:
            yield self.annotation.everything()
        for label, into in self._folded.items():
            yield Fold(label, into)
        self._edits = int(self.annotation.annotated > 0) + len(self._folded)
        self._reset_at = 0
        if self.model:
            yield Load(self.model)
        if self._view:
            yield Look(self._view)
        yield Train(self._training)


def _beyond(now: Status, then: Status) -> bool:
    """Whether the network has learned for longer; its steps come once the guess is fitted."""
    return now.train_seconds >= then.train_seconds and now.steps > then.steps
