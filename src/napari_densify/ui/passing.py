"""Keys and the wheel over the dock: what its widgets leave to the window and to the column."""

from __future__ import annotations

from qtpy.QtCore import QChildEvent, QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QScrollBar,
    QWidget,
)

COMMANDS = (
    Qt.KeyboardModifier.ControlModifier
    | Qt.KeyboardModifier.AltModifier
    | Qt.KeyboardModifier.MetaModifier
)
"""What makes something else than a letter of the key that is pressed with it."""


class Passing(QObject):
    """Passes on what is meant for others than the widgets inside another one.

    Letters and digits are the window's keys: Qt's lists and boxes would look for a row with them.
    The wheel scrolls, and turns a box or a slider only after that was clicked: it may just happen
    to lie where the mouse is.

    Parameters
    ----------
    inside : QWidget
        What is added to it later counts too.
    """

    def __init__(self, inside: QWidget) -> None:
        super().__init__(inside)
        self._watch(inside)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ignore what is to be passed on: Qt offers it to the widget around then."""
        if isinstance(event, QChildEvent):
            child = event.child()
            # Only when it is polished it is known what it is.
            if event.polished() and isinstance(child, QWidget) and not child.isWindow():
                self._watch(child)
        elif isinstance(event, QKeyEvent):
            if event.type() == QEvent.Type.KeyPress and _searches(watched) and _is_typed(event):
                event.ignore()
                return True
        elif event.type() == QEvent.Type.Wheel and _turns(watched) and not watched.hasFocus():
            event.ignore()
            return True
        return False

    def _watch(self, widget: QWidget) -> None:
        within = widget.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)
        for child in within:
            if not child.isWindow():
                self._watch(child)
        widget.installEventFilter(self)
        if _turns(widget) and widget.focusPolicy() != Qt.FocusPolicy.NoFocus:
            widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # by a click, not by the wheel


def _searches(widget: QObject) -> bool:
    """Whether Qt looks for a row with what is typed there."""
    if isinstance(widget, QComboBox):
        return not widget.isEditable()
    return isinstance(widget, QAbstractItemView)


def _turns(widget: QObject) -> bool:
    """Whether the wheel changes a value there."""
    kinds = (QComboBox, QAbstractSlider, QAbstractSpinBox)
    return isinstance(widget, kinds) and not isinstance(widget, QScrollBar)


def _is_typed(event: QKeyEvent) -> bool:
    """Whether a key writes something; the space bar does not, it switches boxes on and off."""
    text = event.text().strip()
    return bool(text) and text.isprintable() and not event.modifiers() & COMMANDS
