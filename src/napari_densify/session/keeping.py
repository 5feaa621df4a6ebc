"""What a session writes to its project beside the edits, from the loop's thread."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.box import Box
from napari_densify.cases.checked import Checked, write_checked
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.history import Entry, Event, now
from napari_densify.cases.problem import Problem
from napari_densify.cases.summary import Mark, Summary, read_summary, summarise, write_summary
from napari_densify.cases.view import View, write_view
from napari_densify.session.news import Model, Moved, News, Notice, Status, Taken

SAVE_EVERY = 5.0
"""Seconds between writings of what the curves show and of the prediction's changed blocks."""
CURVE_EVERY = 1.0
"""Seconds of training between points of the curves."""
SNAPSHOT_EVERY = 15 * 60.0
"""Seconds after which an annotation that has changed is kept as a snapshot by itself."""

log = logging.getLogger(__name__)


class Keeping:
    """Writes prediction, curves, models and snapshots, and folds the journal.

    Edits are not among it: they are on the disk before they count, see `Session`. What the user
    says of slices and of the case is written by the owner's thread, as they are: a turn of the loop
    may be long. What cannot be written is said once and tried again the next time.

    Parameters
    ----------
    project : ProjectFolder
    prediction : (z, y, x) uint8 array
        The session's own, read when it is written.
    clock : callable
        Seconds that only rise, whatever is done to the computer's clock.

    Attributes
    ----------
    mark : str
        What the user says of the case, see `cases.summary`.
    """

    def __init__(
        self,
        project: ProjectFolder,
        prediction: NDArray[np.uint8],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.project, self.prediction = project, prediction
        self._clock = clock
        # Filled by the owner's thread, emptied by the loop's.
        self._changed: deque[Box] = deque()
        self._entries: deque[Entry] = deque()
        self._asked: deque[Callable[[], News]] = deque()
        self._view: View | None = None
        self._checked: Checked | None = None
        self._writing = threading.RLock()
        """Held while the project is moved, and while what the user said is written."""
        self._first: bytes | None = None
        self._saved_at = self._snapshot_at = clock()
        self._snapshot_of = project.number
        self._curve_at = 0.0
        self._failed: dict[str, _Failure] = {}
        summary = read_summary(project.path) if project.exists else Summary()
        self.mark, self._noted = summary.mark, (summary.mark, summary.painted)

    def changed(self, box: Box) -> None:
        """The prediction changed there."""
        self._changed.append(box)

    def see(self, view: View) -> None:
        """The user looks at it like this now."""
        self._view = view

    def check(self, checked: Checked) -> None:
        """These slices are checked now."""
        self._checked = checked
        self._at_once(self._save_checked)

    def say(self, mark: Mark) -> None:
        """The user says that of the case now."""
        self.mark = mark
        self._at_once(self._note_state)

    def begin_with(self, model: bytes) -> None:
        """Learning starts from this model; it is kept until there is one that has learned more."""
        self._first = model

    def move(self, target: Path) -> None:
        """Give the project another name or place at the next `tick`."""

        def move() -> News:
            with self._writing:
                self.project.move(target)
            return Moved(target)

        self._asked.append(move)

    def take_snapshot(self, name: str) -> None:
        """Keep the annotation under a name at the next `tick`."""
        self._asked.append(lambda: Taken(self.project.take_snapshot(name)))

    def follow(self, status: Status, shown: bool) -> None:
        """Note where training stands, and whether the whole prediction has come up to date."""
        learned = not np.isnan(status.loss) and status.train_seconds >= self._curve_at
        if learned:
            self._curve_at = status.train_seconds + CURVE_EVERY
            self._entries.append(self._entry("learned", status))
        if shown:
            self._entries.append(self._entry("shown", status))

    def scored(self, status: Status, round_: int, agreement: float) -> None:
        """Note how well the prediction fitted what was painted in a round that has ended."""
        entry = self._entry("scored", status)
        self._entries.append(entry.model_copy(update={"round": round_, "agreement": agreement}))

    def save_model(self, model: Model) -> Iterator[Notice]:
        """Keep a model."""
        if self.project.writable:
            self._first = None
            save = self.project.learned.save_model
            yield from self._try("model", lambda: save(model.data))

    def forget(self) -> Iterator[Notice]:
        """Throw away what was learned."""
        self._first = None
        self._entries.clear()
        self._curve_at = 0.0
        if self.project.writable:
            entry = Entry(event="forgotten", time=now())
            yield from self._try("model", lambda: self.project.learned.forget(entry))

    def tick(self) -> Iterator[News]:
        """Do what was asked for and write what is due."""
        while self._asked:
            yield self._answer(self._asked.popleft())
        if not self.project.writable:
            return
        moment = self._clock()
        if self._checked is not None and self._may_try("checked", moment):
            yield from self._try("checked", self._save_checked)
        if self._first is not None and self._may_try("first model", moment):
            yield from self._save_first()
        if self.project.due and self._may_try("journal", moment):
            yield from self._try("journal", self.project.fold)
        if moment - self._saved_at >= SAVE_EVERY:
            self._saved_at = moment
            yield from self._try("learned", self._save)
            yield from self._try("state", self._note_state)
        if moment - self._snapshot_at >= SNAPSHOT_EVERY:
            self._snapshot_at = moment
            if self.project.number != self._snapshot_of:
                yield from self._try("snapshot", self._snapshot)

    def finish(self) -> Iterator[Notice]:
        """Write all that is left and let go of the project.

        Once the main thread has ended, zarr has no threads to write with any more; the edits are
        in the journal, and that is enough.
        """
        try:
            alive = threading.main_thread().is_alive()
            while alive and self._asked:
                said = self._answer(self._asked.popleft())
                if isinstance(said, Notice):
                    yield said
            if alive and self.project.writable:
                yield from self._try("checked", self._save_checked)
                yield from self._save_first()
                yield from self._try("learned", self._save)
                yield from self._try("summary", self._summarise)
                yield from self._try("journal", self.project.fold)
        finally:
            self.project.close()

    def _at_once(self, write: Callable[[], None]) -> None:
        """Write what the user said, unless it has to wait for the loop's next turn."""
        if self.project.writable and self._writing.acquire(blocking=False):
            try:
                with suppress(OSError):  # the loop's thread tries again, and says why it cannot
                    write()
            finally:
                self._writing.release()

    def _save_checked(self) -> None:
        with self._writing:
            checked, self._checked = self._checked, None
            if checked is not None:
                try:
                    write_checked(self.project.path, checked)
                except (OSError, Problem):
                    self._checked = self._checked or checked
                    raise

    def _note_state(self) -> None:
        """Write how far the case is, but for the volumes: to count them takes long."""
        with self._writing:
            mark, painted = state = self.mark, self.project.annotation.annotated
            if state != self._noted:
                before = read_summary(self.project.path)
                update = {"mark": mark, "painted": painted}
                write_summary(self.project.path, before.model_copy(update=update))
                self._noted = state

    def _save_first(self) -> Iterator[Notice]:
        """Keep what learning starts from: the worker may be gone before it sends a model."""
        first = self._first
        if first is None:
            return
        save = self.project.learned.save_model
        yield from self._try("first model", lambda: save(first))
        if self._first is None:  # it was forgotten while it was written
            yield from self.forget()
        elif "first model" not in self._failed:
            self._first = None

    def _save(self) -> None:
        view, self._view = self._view, None
        boxes = [self._changed.popleft() for _ in range(len(self._changed))]
        entries = [self._entries.popleft() for _ in range(len(self._entries))]
        try:
            if view is not None:
                write_view(self.project.path, view)
            self.project.learned.save_prediction(self.prediction, boxes)
            self.project.learned.add_history(entries)
        except (OSError, Problem):
            self._view = self._view or view
            self._changed.extend(boxes)
            self._entries.extendleft(reversed(entries))
            raise

    def _entry(self, event: Event, status: Status) -> Entry:
        return Entry(
            event=event,
            time=now(),
            edits=self.project.number,
            round=self.project.annotation.round,
            steps=status.steps,
            seconds=status.train_seconds,
            loss=None if np.isnan(status.loss) else status.loss,
        )

    def _summarise(self) -> None:
        summary = summarise(self.project.annotation, self.prediction, self.mark)
        write_summary(self.project.path, summary)

    def _snapshot(self) -> None:
        self._snapshot_of = self.project.take_snapshot("").edits

    def _answer(self, asked: Callable[[], News]) -> News:
        try:
            return asked()
        except Problem as problem:
            log.warning("%s", problem)
            return Notice(str(problem))

    def _may_try(self, what: str, moment: float) -> bool:
        """Whether it did not fail only now; turns come many times a second."""
        failure = self._failed.get(what)
        return failure is None or moment - failure.moment >= SAVE_EVERY

    def _try(self, what: str, write: Callable[[], None]) -> Iterator[Notice]:
        try:
            write()
            self._failed.pop(what, None)
        except (OSError, Problem, MemoryError) as error:
            said = error.strerror if isinstance(error, OSError) else str(error)
            reason = said or "there is not enough memory"
            sentence = (
                f"{self.project.path.name} cannot be written ({reason}); make room there. What "
                "you painted is safe, what was learned since may have to be learned again."
            )
            new = all(sentence != failure.sentence for failure in self._failed.values())
            self._failed[what] = _Failure(sentence, self._clock())
            if new:
                log.warning("%s", error)
                yield Notice(sentence)


@dataclass(frozen=True)
class _Failure:
    """What was said when something could not be written, and when that was."""

    sentence: str
    moment: float
