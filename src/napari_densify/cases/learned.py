"""What a project keeps of what was learned: models, the prediction, and how it went."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.box import Box
from napari_densify.cases.disk import vanished
from napari_densify.cases.history import Entry, append_history, read_history
from napari_densify.cases.place import home_of
from napari_densify.cases.problem import Problem
from napari_densify.cases.ring import ModelRing
from napari_densify.cases.store import LabelStore
from napari_densify.cases.volume import Shape

log = logging.getLogger(__name__)


@dataclass
class Learned:
    """Reads and writes what can be made anew: damage here is noted, not fatal.

    Models are the project's, which all its cases share; the rest is the case's.

    All that writes raises OSError where it cannot.

    Parameters
    ----------
    folder : Path
        The case's.
    shape : (3,) ints
        The volume's size along z, y, x.

    Attributes
    ----------
    notes : list of str
        What was damaged, in sentences for the user.
    """

    folder: Path
    shape: Shape
    notes: list[str] = field(default_factory=list)

    def save_model(self, model: bytes) -> None:
        """Keep a model (safetensors) beside the two before."""
        self._require_there()
        self._ring.save(model)

    def read_model(self) -> bytes | None:
        """The newest unharmed model, or None."""
        try:
            model, harmed = self._ring.newest()
        except OSError as error:
            log.warning("%s", error)
            model, harmed = None, 1
        if harmed:
            goes_on = "an earlier one goes on" if model else "learning begins anew"
            self.notes.append(f"The last saved model is damaged; {goes_on}.")
        return model

    def forget(self, entry: Entry) -> None:
        """Throw the models away; the curves begin anew."""
        self._ring.clear()
        self.add_history([entry])

    def save_prediction(self, prediction: NDArray[np.uint8], changed: Iterable[Box]) -> None:
        """Write the (z, y, x) labels where they changed."""
        self._require_there()
        store = self._prediction()
        starts = set().union(*(store.chunks_in(box) for box in changed))
        for chunk in map(store.chunk, sorted(starts)):
            store.write(chunk, {"labels": prediction[chunk.slices]})

    def read_prediction(self, prediction: NDArray[np.uint8]) -> None:
        """Bring back what was predicted."""
        store = self._prediction()
        try:
            for chunk in store.written():
                prediction[chunk.slices] = store.read(chunk)["labels"]
        except Problem as problem:
            log.warning("%s", problem)
            self.notes.append("The stored prediction is damaged; it is made anew.")

    def add_history(self, entries: list[Entry]) -> None:
        """Add to what the curves show."""
        if entries:
            append_history(self.folder / "history.jsonl", entries)

    def read_history(self) -> list[Entry]:
        """What the curves show."""
        try:
            return read_history(self.folder / "history.jsonl")
        except OSError as error:
            log.warning("%s", error)
            self.notes.append("The curves of earlier learning cannot be read.")
            return []

    def _require_there(self) -> None:
        if not self.folder.is_dir():
            raise vanished(self.folder)

    @property
    def _ring(self) -> ModelRing:
        return ModelRing(home_of(self.folder) / "model")

    def _prediction(self) -> LabelStore:
        return LabelStore(self.folder / "prediction.zarr", self.shape, {"labels": "uint8"})
