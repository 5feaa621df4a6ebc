"""What somebody who is here for the first time needs to know; it goes away for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from napari_densify.ui.remembered import remembered

if TYPE_CHECKING:
    from napari_densify.ui.case import CaseView

READ = "hint/read"
WORDS = (
    "<b>New here?</b> Choose an image and press <b>Annotate</b>. Press <b>1</b> and paint some "
    "background, press <b>2</b> and paint the structure: a few strokes will do. Soon all of the "
    "volume is filled in; paint over what is wrong."
)


class FirstHint(QFrame):
    """Shown until the first stroke is painted, or until it is clicked away."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._case: CaseView | None = None
        self.setFrameShape(QFrame.Shape.StyledPanel)
        words = QLabel(WORDS)
        words.setWordWrap(True)
        self.close_button = QToolButton()
        self.close_button.setText("✕")
        self.close_button.setToolTip("I know; do not show this again")
        self.close_button.clicked.connect(self.dismiss)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 4, 4, 4)
        layout.addWidget(words, 1)
        layout.addWidget(self.close_button)
        self.setHidden(remembered().value(READ, False, type=bool))

    def follow(self, case: CaseView | None) -> None:
        """Go away at the first stroke on a running case; None: there is none."""
        if self._case is not None:
            self._case.session.edited.disconnect(self.dismiss)
        self._case = case
        if case is not None:
            case.session.edited.connect(self.dismiss)

    def dismiss(self, _: Any = None) -> None:
        """Go away, for good."""
        if not self.isHidden():
            self.hide()
            remembered().setValue(READ, True)
