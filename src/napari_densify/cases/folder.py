"""A case that is being worked on: what a session writes as it goes, and finds again."""

from __future__ import annotations

from collections.abc import Iterable

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.edit import Edit
from napari_densify.cases.held import HeldFolder
from napari_densify.cases.learned import Learned
from napari_densify.cases.project import Label, Learning
from napari_densify.cases.snapshot import Snapshot, Snapshots


class ProjectFolder(HeldFolder):
    """What lies in the folder of a case, and is written there; see `HeldFolder`.

    Edits, snapshots, the class table, and what was learned.
    """

    @property
    def annotation(self) -> Annotation:
        """As it was stored; edits are applied to it by `commit`."""
        return self._kept.annotation

    @property
    def number(self) -> int:
        """Number of the last edit."""
        return self._kept.number

    @property
    def learned(self) -> Learned:
        """Models, prediction and curves."""
        return Learned(self.path, self.annotation.shape, self.notes)

    @property
    def snapshots(self) -> Snapshots:
        """Versions of the annotation that are kept."""
        return Snapshots(self.path / "snapshots", self.annotation.shape)

    def commit(self, edit: Edit) -> None:
        """Write an edit, and apply it to the annotation once it is on the disk.

        Raises
        ------
        Problem
            If it could not be written; nothing has changed then.
        """
        with self._kept.guard:
            self._make_ready()
            self._kept.commit(edit)

    @property
    def due(self) -> bool:
        """Whether the journal is long enough to be folded."""
        return self._kept.due

    def fold(self) -> None:
        """Fold the journal into the store, see `KeptAnnotation.fold`."""
        self._kept.fold()

    def take_snapshot(self, name: str) -> Snapshot:
        """Keep the annotation as it is now under a name, or by itself if that is empty.

        Raises
        ------
        Problem
            If it cannot be written.
        """
        self._require_ours()
        with self._kept.guard:
            self._kept.require_there()
            everything, number = self.annotation.everything(), self.number
        return self.snapshots.save(everything, name, number)

    def describe(
        self, *, classes: Iterable[Label] | None = None, learning: Learning | None = None
    ) -> None:
        """Keep the class table or the settings of learning.

        Raises
        ------
        Problem
            If they cannot be written.
        """
        table = None if classes is None else tuple(classes)
        with self._kept.guard:
            changed = self._described.change(classes=table, learning=learning)
            if self.writable and changed:
                self._described.write()
