"""What goes to the worker and what comes back: plain data that can cross process borders."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.box import Box
from napari_densify.cases.edit import Edit
from napari_densify.cases.oblique import ObliquePlane
from napari_densify.cases.plane import Plane
from napari_densify.cases.snapshot import Snapshot
from napari_densify.cases.volume import Volume


class Phase(StrEnum):
    """What the loop is doing, in words for the window.

    Learned: the network has learned what is annotated, and waits for the next edit.
    """

    STARTING = "starting"
    WAITING = "waiting for a second class"
    TRAINING = "training"
    PREDICTING = "predicting"
    LEARNED = "learned"
    PAUSED = "paused"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Look:
    """The user looks at this plane: predict it first."""

    plane: Plane | ObliquePlane


@dataclass(frozen=True)
class Train:
    """Train (True) or rest (False)."""

    on: bool


@dataclass(frozen=True)
class Strength:
    """A new strength of corrections, see `cases.weight`."""

    value: float


@dataclass(frozen=True)
class Reset:
    """Forget all weights; the annotation stays."""


@dataclass(frozen=True)
class Fold:
    """A class is not told apart any more: what was learned of it counts as another one.

    0: as none. Once it is annotated again, it is told apart again.
    """

    label: int
    into: int


@dataclass(frozen=True)
class Load:
    """Continue from a saved model (safetensors)."""

    model: bytes


@dataclass(frozen=True, eq=False)
class OtherCase:
    """Another case of the project, to be learned from too.

    Attributes
    ----------
    volume : Volume
    painted : Edit
        Everything that is annotated in it, be it of classes that there are or were.
    folded : dict
        What labels count as that are not told apart, see `Fold`.
    """

    volume: Volume
    painted: Edit
    folded: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Save:
    """Send the model home now."""


Message = Edit | Look | Train | Strength | Reset | Fold | Load | OtherCase | Save


@dataclass(frozen=True, eq=False)
class Block:
    """A piece of the prediction.

    Attributes
    ----------
    box : Box
    labels : (z, y, x) uint8
        Most probable label of each voxel, values as in the annotation.
    uncertainty : (z, y, x) uint8
        Entropy of the class probabilities: 0 where one is certain, 255 where all are alike.
    """

    box: Box
    labels: NDArray[np.uint8]
    uncertainty: NDArray[np.uint8]


@dataclass(frozen=True)
class Status:
    """Where the loop stands.

    Attributes
    ----------
    steps : int
        Training steps so far.
    loss : float
        Smoothed loss; NaN before the first step.
    train_seconds : float
        Time spent learning: fitting the first guess and training the network.
    first_prediction_seconds : float
        From the beginning of learning to the first prediction; NaN before.
    edits : int
        Edits and resets taken into account so far.
    complete : bool
        Whether the whole volume was predicted by weights that saw the last edit (and, while
        paused or with nothing left to learn, by the newest weights).
    done : float
        Share of the volume that is up to date, 0 to 1.
    memory_mb : float
        Peak memory of the worker's process.
    """

    phase: Phase
    device: str = ""
    threads: int = 0
    steps: int = 0
    loss: float = float("nan")
    train_seconds: float = 0.0
    first_prediction_seconds: float = float("nan")
    edits: int = 0
    complete: bool = False
    done: float = 0.0
    memory_mb: float = 0.0


@dataclass(frozen=True)
class Model:
    """The learner's state as safetensors: what to go on from if the worker dies.

    `edits` as in `Status`: a model from before a reset is not to be kept.
    """

    data: bytes
    edits: int = 0


@dataclass(frozen=True)
class Lost:
    """The worker died; another one takes over from the last state."""

    reason: str


@dataclass(frozen=True)
class Notice:
    """Something the user should know, in a sentence; work goes on."""

    sentence: str


@dataclass(frozen=True)
class Moved:
    """The project lies there now."""

    path: Path


@dataclass(frozen=True)
class Taken:
    """The annotation was kept as a snapshot."""

    snapshot: Snapshot


News = Block | Status | Model | Lost | Notice | Moved | Taken
