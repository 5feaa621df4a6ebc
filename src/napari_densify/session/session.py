"""What is worked on, on its owner's thread: edits in, prediction blocks and status out."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box
from napari_densify.cases.checked import Checked
from napari_densify.cases.edit import Edit
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.history import Entry
from napari_densify.cases.oblique import ObliquePlane
from napari_densify.cases.plane import Plane
from napari_densify.cases.problem import Problem
from napari_densify.cases.snapshot import Snapshot
from napari_densify.cases.volume import Volume
from napari_densify.session.agreement import Agreement
from napari_densify.session.keeping import Keeping
from napari_densify.session.learning import keep
from napari_densify.session.link import OpenWorker, Settings
from napari_densify.session.news import (
    Block,
    Lost,
    Model,
    Moved,
    News,
    Notice,
    OtherCase,
    Phase,
    Status,
    Taken,
)
from napari_densify.session.not_kept import NotKept
from napari_densify.session.orders import Orders
from napari_densify.session.others import counts_in
from napari_densify.session.resuming import resume
from napari_densify.session.shown import Shown
from napari_densify.session.worker import Worker

log = logging.getLogger(__name__)


class Session:
    """Owns the annotation and the prediction of a volume and drives a worker.

    What the user does is called on the owner's thread and never waits. `loop.run` is for whoever
    has a thread for it; what it yields goes to `take` on the owner's, which updates the arrays and
    emits the signals. The worker never touches either, so nothing here is lost when it dies.

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
    others : sequence of OtherCase
        The project's other cases, which are learned from too.

    Attributes
    ----------
    shown : Shown
        What is shown of the volume: `prediction`, `uncertainty` and `disagreements` are its.
    checked : Checked
        The slices that the user has looked at and found right.
    locked : frozenset of ints
        Labels whose painted voxels `paint` leaves alone.
    orders : Orders
        What the worker was told.
    keeping : Keeping
        What else is written to the project; it keeps nothing without one.
    up_to_date : bool
        Whether all of the prediction was shown since the last edit.
    busy : bool
        Whether another thread paints, see `plan`: nothing else can be painted then, and whoever
        calls `take` is to wait with that.
    round_over : bool
        Whether it was since the round's first stroke: what is painted now begins another round.
    scored : signal
        A round and how well the prediction fitted what was painted in it, see `Agreement`.
    class_gone : signal
        A class that redo has merged or deleted once more; see `surgery.redrawn`.
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
    class_gone = Signal(int)
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
        others: Sequence[OtherCase] = (),
    ) -> None:
        self.volume, self.project = volume, project
        self.annotation = project.annotation if project else Annotation(volume.shape)
        self.shown = Shown(self.annotation)
        self.prediction, self.uncertainty = self.shown.prediction, self.shown.uncertainty
        self.disagreements = self.shown.disagreements
        self.orders = Orders(
            volume, self.annotation, classes, settings or Settings(), open_worker, model, others
        )
        self.drive = self.orders.drive
        self.keeping = Keeping(project, self.prediction) if project else NotKept()
        if model is not None:
            self.keeping.begin_with(model)
        self.status = Status(Phase.STARTING)
        self.checked = Checked()
        self.past: list[Entry] = []
        self.locked: frozenset[int] = frozenset()
        self.up_to_date = self.round_over = self.busy = self._told_apart = False
        self._again: Mapping[int, int] = {}
        self._agreement = Agreement(self)
        if project is not None and project.exists:
            resume(self, project)
        elif project is not None:
            project.describe(learning=self.orders.learning)

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
        return self.commit(self.plan(where, labels))

    def plan(self, where: NDArray[np.int64], labels: NDArray[np.uint8] | int) -> Edit | None:
        """Make the edit of `paint`, without bringing it into force.

        Of millions of voxels that takes seconds, as `enter` does. Another thread may call both
        while the session is `busy`; `announce` is for the owner's then.
        """
        if self.locked:
            free = ~np.isin(self.annotation.at(where)["label"], list(self.locked))
            where, labels = where[free], np.broadcast_to(labels, where.shape)[free]
        wrong = self.shown.wrong(where, labels)
        return self.annotation.change(where, labels, wrong=wrong, new_round=self.round_over)

    def commit(self, edit: Edit | None) -> Edit | None:
        """Bring an edit of the annotation into force, and hand it back; None is none.

        Raises
        ------
        Problem
            If the edit cannot be kept in the project; it does not count then.
        """
        if edit is None:
            return None
        if self.busy:
            raise Problem("Many voxels are being painted; paint again in a moment.")
        self.enter(edit)
        return self.announce(edit)

    def enter(self, edit: Edit) -> None:
        """Bring an edit into force, without saying so.

        Raises
        ------
        Problem
            If it cannot be kept in the project; it does not count then.
        """
        with self.drive.lock:
            if self.project is not None:
                self.project.commit(edit)  # on disk before it counts
            else:
                self.annotation.apply(edit)
            folded = dict(self.orders.folded)
            self._again = self.orders.edited(edit)
            self._told_apart |= self.orders.folded != folded
        self.shown.follow(edit, self.orders.folded)

    def announce(self, edit: Edit) -> Edit:
        """Say that an edit is in force now, and hand it back."""
        if self._told_apart:  # for the project's other cases too
            self._told_apart = False
            keep(self)
        again, self._again = self._again, {}
        for label, into in again.items():
            self.disagreements.fold(label, into)
        self.up_to_date = False
        if edit.round_after != edit.round_before:
            # A round whose first stroke was taken back begins with the next one.
            self.round_over = edit.round_after < edit.round_before
        if not edit.after["label"].all():
            # The stroke may be in what is kept of the prediction.
            self.keeping.changed(edit.box(self.volume.shape))
        self.edited.emit(edit)
        if edit.round_after != edit.round_before:
            self.round_changed.emit(edit.round_after)
        if edit.round_after > edit.round_before and not edit.undoes:
            self._agreement.end(edit.round_before)
        for label in again:
            self.class_gone.emit(label)
        return edit

    def undo(self) -> Edit | None:
        """Take the last edit back.

        Raises
        ------
        Problem
            If that cannot be kept in the project; the edit stays then.
        """
        return self.commit(self.annotation.undo())

    def redo(self) -> Edit | None:
        """Bring the last undone edit back.

        Raises
        ------
        Problem
            If that cannot be kept in the project; the edit stays undone then.
        """
        return self.commit(self.annotation.redo())

    def look(self, plane: Plane | ObliquePlane) -> None:
        """The user looks at this plane: it is predicted first."""
        self.orders.look(plane)

    def check(self, plane: Plane, on: bool = True) -> None:
        """The user has looked at a slice and found it right, or takes that back."""
        if (plane in self.checked) != on and not self.read_only:
            self.checked = self.checked.mark(plane, on)
            self.keeping.check(self.checked)
            self.checked_changed.emit(self.checked)

    def train(self, on: bool = True) -> None:
        """Start or go on training; False pauses."""
        self.orders.train(on)
        self.training_changed.emit(on)

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
        return self.orders.training

    @property
    def live(self) -> bool:
        """Whether it learns by itself, or only when asked to; see `session.learning`."""
        return self.orders.live

    def stop(self) -> None:
        """End `loop.run` after the present turn."""
        self.drive.stop()

    def weights(self) -> NDArray[np.float32]:
        """(z, y, x) float32 weight w of each voxel's loss as of now; may be asked in a thread."""
        elsewhere = counts_in(self.orders.others, dict(self.orders.folded))
        return self.annotation.weights(self.orders.settings.strength, elsewhere)

    def take(self, news: News) -> None:
        """Update prediction and status from what `loop.run` yielded."""
        match news:
            case Block() if self.orders.stale(self.status.edits):
                pass  # from before the reset
            case Model() if self.orders.stale(news.edits):
                pass
            case Block():
                self.shown.take(news, self.orders.folded)
                self.keeping.changed(news.box)
                self.prediction_changed.emit(news.box)
            case Status():
                shown = self.orders.carried_out(news)
                if not self.orders.stale(news.edits):
                    self.keeping.follow(news, shown and not self.up_to_date)
                self.up_to_date |= shown
                self.round_over |= shown
                self.status = news
                if self.orders.may_rest(news):
                    self.pause()
                self.status_changed.emit(news)
            case Model():
                self.orders.model = news.data
            case Lost():
                self.worker_lost.emit(news.reason)
            case Notice():
                self.noticed.emit(news.sentence)
            case Moved():
                self.moved.emit(news.path)
            case Taken():
                self.snapshot_taken.emit(news.snapshot)

    def close(self) -> None:
        """Write what is left and let go of the project; `loop.run` does so at its end."""
        for notice in self.keeping.finish():
            log.warning("%s", notice.sentence)
