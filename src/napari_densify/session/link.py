"""What a session expects of a worker, wherever that lives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from napari_densify.cases.project import WIDTHS
from napari_densify.cases.sizes import VoxelSize
from napari_densify.cases.volume import Volume
from napari_densify.session.news import Message, News


@dataclass(frozen=True)
class Settings:
    """How a session learns.

    Attributes
    ----------
    device : str
        "auto", "cpu", "cuda", "mps", …
    strength : float
        Strength of corrections, see `cases.weight`.
    seed : int
    widths : tuple of ints
        Channels of the network's levels below full resolution, see `learn.unet.levels_of`.
    voxels : VoxelSize, optional
        What the network works on; without it, the image's.
    """

    device: str = "auto"
    strength: float = 1.0
    seed: int = 0
    widths: tuple[int, ...] = WIDTHS
    voxels: VoxelSize | None = None


class WorkerLost(RuntimeError):
    """The worker's process is gone."""


class Link(Protocol):
    """How a session talks to its worker."""

    def deliver(self, message: Message) -> None:
        """Hand a message over without waiting."""

    def turn(self) -> list[News]:
        """Let the worker do one piece of work and say what came of it."""

    def close(self) -> None:
        """Let the worker go."""


OpenWorker = Callable[[Volume, list[int], Settings], Link]
"""Starts a worker on a volume, with the labels that it has to tell apart; may take long."""
