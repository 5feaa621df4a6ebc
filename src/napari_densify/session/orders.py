"""What the worker is to do: said to the one that is there, and to each that takes its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from weakref import WeakKeyDictionary

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.edit import Edit
from napari_densify.cases.oblique import ObliquePlane
from napari_densify.cases.plane import Plane
from napari_densify.cases.project import Learning
from napari_densify.cases.sizes import VoxelSize
from napari_densify.cases.volume import Volume
from napari_densify.session.drive import Drive
from napari_densify.session.link import Link, OpenWorker, Settings
from napari_densify.session.news import (
    Fold,
    Load,
    Look,
    Message,
    OtherCase,
    Phase,
    Reset,
    Status,
    Strength,
    Train,
)


class Orders:
    """Posts what changes, and remembers all that a further worker has to be told.

    Parameters
    ----------
    volume : Volume
    annotation : Annotation
        The session's own.
    classes : iterable of ints
        Labels to tell apart at least.
    settings : Settings
    open_worker : callable
    model : bytes, optional
        A saved model to start from.
    others : sequence of OtherCase
        The project's other cases.

    Attributes
    ----------
    drive : Drive
        The way to the worker.
    model : bytes or None
        The last one that the worker saved, to go on from; None once it was forgotten.
    folded : dict
        Labels that are not told apart any more, see `Fold`.
    live : bool
        Whether it learns by itself, or only when asked to.
    training : bool
        Whether it is to train now.
    given : int
        Edits, folds and resets that the worker was told of; `Status.edits` says how many of them
        it has taken into account.
    """

    def __init__(
        self,
        volume: Volume,
        annotation: Annotation,
        classes: Iterable[int],
        settings: Settings,
        open_worker: OpenWorker,
        model: bytes | None,
        others: Sequence[OtherCase],
    ) -> None:
        self._volume, self._annotation, self._open_worker = volume, annotation, open_worker
        self.classes = sorted({1, 2, *classes})
        self.settings, self.model, self.others = settings, model, others
        self.drive = Drive(self._meet, self._greet)
        self.folded: dict[int, int] = {}
        # Edits that were undone, and which folds went with them.
        self._unfolded: WeakKeyDictionary[Edit, dict[int, int]] = WeakKeyDictionary()
        self.live = True
        self.training = False
        self.given = 0
        self._forgotten_at = 0
        self._rest_after: float | None = None
        self._since: Status | None = None
        self._view: Plane | ObliquePlane | None = None

    def resume(self, learning: Learning, voxels: VoxelSize, model: bytes | None) -> None:
        """Go on as a project says; a model that was given to start from comes before its own."""
        widths = self.settings.widths
        if self.model is None and (model or learning.widths):
            self.model, widths = model, learning.widths
        self.live = learning.live
        self.settings = replace(
            self.settings,
            strength=learning.strength,
            widths=widths,
            voxels=voxels,
        )
        painted = self._annotation.classes
        self.folded = {k: into for k, into in learning.folded.items() if k not in painted}

    @property
    def learning(self) -> Learning:
        """What a project keeps of it."""
        voxels = self.settings.voxels
        return Learning(
            strength=self.settings.strength,
            widths=self.settings.widths,
            spacing=voxels.spacing if voxels else (),
            unit=voxels.unit if voxels else "",
            live=self.live,
            folded=dict(self.folded),
        )

    def require(self, labels: Iterable[int]) -> None:
        """Tell these classes apart too, painted or not; before the worker starts."""
        self.classes = sorted({*self.classes, *labels})

    def edited(self, edit: Edit) -> Mapping[int, int]:
        """An edit is in force; `drive.lock` is held since before it was.

        Returns
        -------
        mapping
            What is folded once more, for a merging or deleting that was undone is redone.
        """
        painted = self.folded.keys() & set(self._annotation.classes)
        told_apart = {label: self.folded.pop(label) for label in painted}
        self.given += 1
        self.drive.post(edit)
        if told_apart and edit.undoes:
            self._unfolded[self._annotation.undone[-1]] = told_apart
        again = self._unfolded.get(edit, {})
        for label, into in again.items():
            self.fold(label, into)
        return again

    def fold(self, label: int, into: int) -> None:
        """No longer tell a class apart, see `Fold`."""
        self.classes = [k for k in self.classes if k != label]
        with self.drive.lock:
            self.folded[label] = into
            self.given += 1
            self.drive.post(Fold(label, into))

    def forget(self) -> None:
        """Begin learning anew."""
        with self.drive.lock:
            self.model = None
            self.given += 1
            self._forgotten_at = self.given
            self.drive.post(Reset())

    def look(self, plane: Plane | ObliquePlane) -> None:
        """Predict this plane first."""
        if plane != self._view:
            self._view = plane
            self.drive.post(Look(plane))

    def strengthen(self, strength: float) -> None:
        """Change the strength of corrections, see `cases.weight`."""
        self.settings = replace(self.settings, strength=strength)
        self.drive.post(Strength(strength))

    def train(self, on: bool) -> None:
        """Train, or rest."""
        self._rest_after = None
        self.training = on
        self.drive.post(Train(on))

    def rest_after(self, seconds: float) -> None:
        """Train until the network has learned for that long from all that it was told."""
        self._rest_after, self._since = seconds, None

    def may_rest(self, now: Status) -> bool:
        """Whether it has learned for as long as it was to, or all there is to learn.

        Its steps come after the guess.
        """
        knows_all = now.phase != Phase.STARTING and now.edits >= self.given
        if self._rest_after is None or not (self._since or knows_all):
            return False
        # Seconds of an earlier worker, or of what was forgotten meanwhile, do not count.
        self._since = self._since or now
        if now.phase == Phase.LEARNED and knows_all:
            return True
        seconds = now.train_seconds - self._since.train_seconds
        return seconds >= self._rest_after and now.steps > self._since.steps

    def stale(self, edits: int) -> bool:
        """Whether what comes from a worker that knew so many edits is from before `forget`."""
        return edits < self._forgotten_at

    def carried_out(self, status: Status) -> bool:
        """Whether all is predicted, by a worker that knows all and has something to learn from."""
        taught = self.given > 0 or len(self.others) > 0 or self.model is not None
        return status.complete and status.edits >= self.given and taught

    def _meet(self) -> Link:
        """Start a worker; it is told of the other cases at once, as they do not change."""
        link = self._open_worker(self._volume, self.classes, self.settings)
        for case in self.others:
            link.deliver(replace(case, folded=dict(self.folded)))
        return link

    def _greet(self) -> Iterator[Message]:
        """What a new worker has to know, and from where edits are counted for it."""
        # It may have been changed while the worker started. Before a model, which says how long ago
        # there was something new to learn.
        yield Strength(self.settings.strength)
        if self._annotation.annotated:
            yield self._annotation.everything()
        for label, into in self.folded.items():
            yield Fold(label, into)
        self.given = int(self._annotation.annotated > 0) + len(self.folded)
        self._forgotten_at = 0
        if self.model:
            yield Load(self.model)
        if self._view:
            yield Look(self._view)
        yield Train(self.training)
