"""A session without a project: nothing of it is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from napari_densify.cases.box import Box
from napari_densify.cases.checked import Checked
from napari_densify.cases.summary import Mark
from napari_densify.cases.view import View
from napari_densify.session.keeping import Keeping
from napari_densify.session.news import Model, News, Notice, Status


class NotKept(Keeping):
    """Keeps nothing."""

    def __init__(self) -> None:
        self.mark = ""

    def changed(self, box: Box) -> None:
        """Not kept."""

    def see(self, view: View) -> None:
        """Not kept."""

    def check(self, checked: Checked) -> None:
        """Not kept."""

    def say(self, mark: Mark) -> None:
        """Not kept."""

    def begin_with(self, model: bytes) -> None:
        """Not kept."""

    def move(self, target: Path) -> None:
        """There is nothing to move."""

    def take_snapshot(self, name: str) -> None:
        """Not kept."""

    def follow(self, status: Status, shown: bool) -> None:
        """Not kept."""

    def scored(self, status: Status, round_: int, agreement: float) -> None:
        """Not kept."""

    def save_model(self, model: Model) -> Iterator[Notice]:
        """Not kept."""
        return iter(())

    def forget(self) -> Iterator[Notice]:
        """There is nothing to throw away."""
        return iter(())

    def tick(self) -> Iterator[News]:
        """There is nothing to write."""
        return iter(())

    def finish(self) -> Iterator[Notice]:
        """There is nothing to write."""
        return iter(())
