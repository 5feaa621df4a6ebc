"""Parts of the dock: what they have in common, and those that look again while unfolded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from napari.qt.threading import create_worker
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_densify.session.session import Session
from napari_densify.ui.section import Section

if TYPE_CHECKING:
    from napari_densify.ui.case import CaseView


class Part(Protocol):
    """A part of the dock: it serves the case that is running."""

    def follow(self, case: CaseView | None) -> None:
        """Serve a running case from now on; None: none."""


class LivePanel(Section):
    """Looks at the session of a running case again and again, in a thread.

    Parameters
    ----------
    title : str
    every_ms : int
        How long changes of prediction and annotation are gathered before it looks again.
    """

    def __init__(self, title: str, every_ms: int, parent: QWidget | None = None) -> None:
        super().__init__(title, folded=True, parent=parent)
        self.case: CaseView | None = None
        self._timer = QTimer(self, singleShot=True, interval=every_ms)
        self._timer.timeout.connect(self._look)
        self.toggled.connect(self._changed)

    def follow(self, case: CaseView | None) -> None:
        """Show a running case from now on; None: none."""
        if self.case is not None:
            self.case.session.prediction_changed.disconnect(self._changed)
            self.case.session.edited.disconnect(self._changed)
        self.case = case
        self._timer.stop()
        if case is not None:
            case.session.prediction_changed.connect(self._changed)
            case.session.edited.connect(self._changed)
            self._changed()

    def name_of(self, label: int) -> str:
        """The name of a class of that case."""
        return self.case.name_of(label) if self.case is not None else str(label)

    def look(self, session: Session) -> Any:
        """What there is to show; called in a thread."""
        raise NotImplementedError

    def setValue(self, seen: Any) -> None:
        """Show what `look` saw."""
        raise NotImplementedError

    def _changed(self, _: Any = None) -> None:
        if self.case is not None and self.isExpanded() and not self._timer.isActive():
            self._timer.start()

    def _look(self) -> None:
        case = self.case
        if case is None:
            return

        def show(seen: Any) -> None:
            if self.case is case:  # not what is seen of one that has ended meanwhile
                self.setValue(seen)

        worker = create_worker(self.look, case.session)
        worker.returned.connect(show)
        worker.start()
