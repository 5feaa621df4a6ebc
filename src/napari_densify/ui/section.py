"""The dock's frame: sections that fold, in a column that scrolls up and down only."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_densify.ui.passing import Passing
from napari_densify.ui.remembered import remembered

FLAT = "text-align: left; border: none; background: transparent; font-weight: bold; padding: 2px"
"""Style of a title: napari's themes would fill it like a button that is held down."""
OPEN, FOLDED = "▾", "▸"
FRAME = 2
"""Pixels of width that napari's style draws around it."""
SHORTEST = 200
"""Pixels of height that the column takes at least; what does not fit scrolls."""


class Section(QCollapsible):
    """A part of the dock with a title that folds it; how it was left is remembered.

    Parameters
    ----------
    title : str
    widgets : QWidget
        What is in it, from above.
    folded : bool
        How it is the first time.
    """

    def __init__(
        self,
        title: str,
        *widgets: QWidget,
        folded: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        # Without icons: those are painted once, in the colour of the theme there is then.
        super().__init__(title, parent, QIcon(), QIcon())
        self.title = title
        self.setDuration(0)
        self.toggleButton().setStyleSheet(FLAT)
        for layout in (self.layout(), self.content().layout()):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(3)
        for widget in widgets:
            self.addWidget(widget)
        self.toggled.connect(self._toggled)
        folded = remembered().value(f"folded/{title}", folded, type=bool)
        self.collapse() if folded else self.expand()
        self._mark(not folded)

    def _toggled(self, expanded: bool) -> None:
        self._mark(expanded)
        remembered().setValue(f"folded/{self.title}", not expanded)

    def _mark(self, expanded: bool) -> None:
        self.setText(f"{OPEN if expanded else FOLDED} {self.title}")


class Column(QScrollArea):
    """Widgets below each other, as wide as the widest needs to be; scrolls when too long.

    Keys are the window's there, and the wheel scrolls, see `Passing`.
    """

    def __init__(self, *widgets: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        for widget in widgets:
            layout.addWidget(widget)
        layout.addStretch()
        self.setWidget(inside)
        self._passing = Passing(inside)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """What is inside may need more width, as when a section is unfolded."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def minimumSizeHint(self) -> QSize:
        """All of its width: sideways nothing scrolls."""
        inside, bar = self.widget(), self.verticalScrollBar()
        width = inside.minimumSizeHint().width() + bar.sizeHint().width() + FRAME
        return QSize(width, SHORTEST)

    def sizeHint(self) -> QSize:
        """As high as it is with everything in it."""
        return QSize(self.minimumSizeHint().width(), self.widget().sizeHint().height())
