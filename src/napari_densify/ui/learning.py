"""Whether it learns, from what, and how much corrections count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QLabeledDoubleSlider

from napari_densify.session import learning
from napari_densify.ui.actions import tip

if TYPE_CHECKING:
    from napari_densify.ui.case import CaseView

BY_ITSELF, AT_A_PRESS = "learns by itself", "learns at a press"

REST_MS = 300
"""How long the slider must rest before its value is taken."""
STRONGEST = 1.5
"""Upper end of the slider for the strength of corrections; more only if it has more already."""


class LearningBar(QWidget):
    """Lets the network of a running case learn, rest or begin anew.

    Parameters
    ----------
    strength : float
        Strength of corrections to begin with, see `cases.weight`.
    """

    forgotten = Signal()
    strengthChanged = Signal(float)

    def __init__(self, strength: float = 1.0, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._case: CaseView | None = None
        self.mode = QComboBox()
        self.mode.addItems([BY_ITSELF, AT_A_PRESS])
        self.mode.setToolTip("Whether learning goes on by itself, or only when you ask for it")
        self.train = QPushButton("Pause")
        self.reset = QPushButton("Forget")
        self.reset.setToolTip(tip("forget"))
        self.strength = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self._show_strength(strength)
        self.strength.setToolTip("How much more your corrections count than your first slices")
        run = QHBoxLayout()
        run.addWidget(self.mode)
        run.addWidget(self.train)
        run.addWidget(self.reset)
        form = QFormLayout()
        form.addRow("strength of corrections", self.strength)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(run)
        layout.addLayout(form)
        self.mode.activated.connect(self._mode_chosen)
        self.train.clicked.connect(self.toggle)
        self.reset.clicked.connect(self.forget)
        # Typed, dragged or, after a click, turned by the wheel: once it rests.
        self._rested = QTimer(self, singleShot=True, interval=REST_MS)
        self._rested.timeout.connect(self._strength_changed)
        self.strength.valueChanged.connect(lambda _: self._rested.start())
        self.follow(None)

    def follow(self, case: CaseView | None) -> None:
        """Drive the learning of a running case from now on; None: of none."""
        if self._case is not None:
            self._case.session.training_changed.disconnect(self._say)
        self._case = case
        ours = case is not None and not case.session.read_only
        for widget in (self.mode, self.train, self.reset):
            widget.setEnabled(ours)
        if case is not None:
            case.session.training_changed.connect(self._say)
            self._show_strength(case.session.orders.settings.strength)
            self.mode.setCurrentText(BY_ITSELF if case.session.live else AT_A_PRESS)
        self._say(case is None or case.session.training or case.session.read_only)

    def toggle(self) -> None:
        """Pause, or go on; where it learns only at a press, once."""
        if self._case is not None:
            session = self._case.session
            if session.live or session.training:
                self._case.train(not session.training)
            else:
                self.learn_once()

    def learn_once(self) -> None:
        """Learn for a little while and rest."""
        if self._case is not None and not self._case.session.read_only:
            self._case.train_once()

    def forget(self) -> None:
        """Say what was learned, if anything was, and begin anew if the user agrees."""
        case = self._case
        if case is None or case.session.read_only:
            return
        orders, steps = case.session.orders, case.session.status.steps
        if steps or orders.model or orders.others:
            count = f" ({steps:,} steps)" if steps else ""
            question = f"Everything learned so far{count} is thrown away; what you painted stays."
            answer = QMessageBox.question(self, "Forget what was learned", question)
            if answer != QMessageBox.StandardButton.Yes or self._case is not case:
                return
        self.begin_anew()

    def begin_anew(self) -> None:
        """Throw away what was learned; the annotation stays."""
        if self._case is not None and not self._case.session.read_only:
            learning.forget(self._case.session)
            self.forgotten.emit()

    def _mode_chosen(self) -> None:
        if self._case is not None:
            learning.set_live(self._case.session, self.mode.currentText() == BY_ITSELF)

    def _say(self, training: bool) -> None:
        at_rest = "Train" if self.mode.currentText() == BY_ITSELF else "Update once"
        self.train.setText("Pause" if training else at_rest)
        self.train.setToolTip(tip("train") if at_rest == "Train" else tip("once"))

    def _show_strength(self, strength: float) -> None:
        self.strength.setRange(0, max(STRONGEST, strength))
        self.strength.setValue(strength)

    def _strength_changed(self) -> None:
        strength, case = self.strength.value(), self._case
        self.strengthChanged.emit(strength)
        if case is not None and strength != case.session.orders.settings.strength:
            case.set_strength(strength)
