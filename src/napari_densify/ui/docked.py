"""What widgets in a dock have in common."""

from __future__ import annotations

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QWidget


class DockedWidget(QWidget):
    """Notices when its dock is closed: napari takes the widget out of it then."""

    _docked = False

    def event(self, event: QEvent) -> bool:
        """Wait for the dock to come and to go."""
        if event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._docked = True
            elif self._docked:
                self.undocked()
        return super().event(event)

    def undocked(self) -> None:
        """The dock was closed: let go of what is worked on."""
        raise NotImplementedError
