"""What next: the slices where a correction should help most, and which ones are checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pint
from napari.layers import Labels
from napari.qt.threading import create_worker
from napari.utils.notifications import show_info
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QWidget,
)

from napari_densify.cases.checked import Checked
from napari_densify.cases.digital_plane import DigitalPlane
from napari_densify.cases.plane import ORIENTATIONS, Plane
from napari_densify.cases.problem import Problem
from napari_densify.session.session import Session
from napari_densify.session.suggest import Suggestion, reason, suggest
from napari_densify.ui.actions import tip
from napari_densify.ui.frames import show_frame
from napari_densify.ui.panel import LivePanel
from napari_densify.ui.planes import shown_plane
from napari_densify.ui.view import show_plane

if TYPE_CHECKING:
    from napari_densify.ui.case import CaseView

EVERY_MS = 3000
"""How long news are gathered before other slices are suggested."""
LISTED = 3
"""Slices that are listed: the best and two more."""
NOTHING = "Nothing to suggest yet: wait for the first prediction of all you have not checked."


class NextPanel(LivePanel):
    """Suggests slices, the reason with each; keeps count of those that are checked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("What next?", EVERY_MS, parent)
        self._went: Plane | None = None
        self.next = QPushButton("Next slice")
        self.next.setToolTip(tip("next"))
        self.next.clicked.connect(self.go_on)
        self.check = QPushButton("Checked, go on")
        self.check.setToolTip(f"{tip('check')}; {tip('uncheck')}")
        self.check.clicked.connect(lambda: self.mark())
        self.list = QListWidget()
        self.list.setWordWrap(True)
        self.list.setFixedHeight(110)
        self.list.itemClicked.connect(lambda item: self._go(item.data(Qt.ItemDataRole.UserRole)))
        self.checked = CheckedBars()
        buttons = QWidget()
        row = QHBoxLayout(buttons)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.next)
        row.addWidget(self.check)
        for widget in (buttons, self.list, self.checked):
            self.addWidget(widget)
        self.follow(None)

    def follow(self, case: CaseView | None) -> None:
        """Suggest slices of a running case from now on; None: of none."""
        if self.case is not None:
            self.case.session.checked_changed.disconnect(self._checked_changed)
        super().follow(case)
        self._went = None
        self.list.clear()
        self.next.setEnabled(case is not None)
        self.check.setEnabled(case is not None and not case.session.read_only)
        self.checked.setValue(Checked(), (0, 0, 0))
        if case is not None:
            case.session.checked_changed.connect(self._checked_changed)
            self.checked.setValue(case.session.checked, case.session.volume.shape)

    def look(self, session: Session) -> list[Suggestion]:
        """The best slices; called in a thread."""
        return suggest(session, LISTED)

    def setValue(self, seen: list[Suggestion]) -> None:
        """List these slices, the best first."""
        assert self.case is not None
        unit = unit_of(self.case)
        self.list.clear()
        for each in seen:
            why = reason(each, self.name_of(each.label), unit)
            item = QListWidgetItem(f"{each.plane.orientation} {each.plane.position}: {why}")
            item.setData(Qt.ItemDataRole.UserRole, each)
            self.list.addItem(item)

    def go_on(self) -> None:
        """Go to the best slice as of now; from there to the runners-up, one after the other."""
        case = self.case
        if case is None:
            return

        def go(seen: list[Suggestion]) -> None:
            if self.case is not case:
                return
            self.setValue(seen)
            if not seen:
                show_info(NOTHING)
                return
            planes = [each.plane for each in seen]
            turn = 0
            # Chance may have brought the user to a runner-up; that is no reason to pass the best.
            if self._went in planes and self._went == shown_plane(case.annotation):
                turn = planes.index(self._went) + 1
            self._go(seen[turn % len(seen)])

        worker = create_worker(self.look, case.session)
        worker.returned.connect(go)
        worker.start()

    def mark(self, layer: Labels | None = None, on: bool = True) -> None:
        """Check the slice that a layer shows and go to the next one, or take its check back.

        Parameters
        ----------
        layer : Labels, optional
            A copy of the annotation or the prediction; the main canvas's by default.
        on : bool
        """
        if self.case is None:
            return
        try:
            plane = self.case.slice_in(layer)
        except Problem as problem:
            show_info(str(problem))
            return
        if isinstance(plane, DigitalPlane):
            show_info("An oblique plane cannot be checked; check xy, xz and yz slices instead.")
            return
        session = self.case.session
        session.check(plane, on)
        if not on:
            return
        following = session.checked.next_after(plane, session.volume.shape)
        if following is None:
            show_info(f"All {plane.orientation} slices are checked.")
        else:
            self._step(following)

    def _step(self, plane: Plane) -> None:
        """Move the sliders; other canvases, side by side, are not turned."""
        assert self.case is not None
        layer, dims = self.case.annotation, self.case.viewer.dims
        voxel = list(layer.world_to_data(dims.point[-3:]))
        voxel[plane.axis] = plane.position
        dims.set_point(range(dims.ndim - 3, dims.ndim), layer.data_to_world(voxel))

    def _go(self, suggestion: Suggestion) -> None:
        self._went = suggestion.plane
        if self.case is not None:
            show_frame(self.case.viewer, self.case.image, self.case.session.volume.choice)
            show_plane(self.case.viewer, self.case.annotation, suggestion.plane)
            if not self.isExpanded():  # else the list says why
                show_info(reason(suggestion, self.name_of(suggestion.label), unit_of(self.case)))

    def _checked_changed(self, checked: Checked) -> None:
        assert self.case is not None
        self.checked.setValue(checked, self.case.session.volume.shape)
        self._changed()


class CheckedBars(QWidget):
    """How many slices of each orientation are checked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("checked:"))
        self.bars: dict[str, QProgressBar] = {}
        for name in ORIENTATIONS:
            bar = self.bars[name] = QProgressBar()
            bar.setMaximumHeight(14)
            bar.setMinimumWidth(40)  # it would like to be wider, and so would the dock
            row.addWidget(QLabel(name))
            row.addWidget(bar, 1)

    def sizeHint(self) -> QSize:
        """Small: the dock is narrow."""
        return QSize(0, 18)

    def setValue(self, checked: Checked, shape: tuple[int, int, int]) -> None:
        """Show what is checked of a volume of that shape."""
        for name, axis in ORIENTATIONS.items():
            bar, count = self.bars[name], len(checked.slices[axis])
            bar.setRange(0, max(shape[axis], 1))
            bar.setValue(count)
            bar.setFormat(f"{count}/{shape[axis]}")
            bar.setToolTip(f"{count} of {shape[axis]} {name} slices are checked")


def unit_of(case: CaseView) -> str:
    """The unit of a case's spacing, as it is written behind a number."""
    unit = case.session.volume.unit
    return f"{pint.Unit(unit):~}" if unit else "voxels"
