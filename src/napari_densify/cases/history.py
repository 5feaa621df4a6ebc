"""What the curves show, and what happened when: a line of JSON each."""

from __future__ import annotations

import datetime
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_densify.cases.disk import Appendable
from napari_densify.cases.seal import seal, unseal

Event = Literal["learned", "shown", "forgotten", "scored"]


def now() -> str:
    """The time as a project's files say it: ISO 8601 with the offset from UTC."""
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


class Entry(BaseModel):
    """A moment of a project's life.

    Attributes
    ----------
    event : str
        ``learned``: where training stood. ``shown``: the whole prediction was up to date after
        edit number `edits`. ``forgotten``: learning began anew. ``scored``: a round has ended.
    time : str
        ISO 8601, with the offset from UTC. For people: nothing relies on the clock.
    edits : int
        Number of the last edit.
    round, steps : int
    seconds : float
        Time spent learning: fitting the guess and training the network.
    loss : float or None
        Smoothed loss.
    agreement : float or None
        How well the prediction fitted what was painted in the round, see `session.agreement`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    event: Event = "learned"
    time: str = Field(max_length=40)
    edits: int = Field(0, ge=0)
    round: int = Field(0, ge=0)
    steps: int = Field(0, ge=0)
    seconds: float = Field(0.0, ge=0, allow_inf_nan=False)
    loss: float | None = Field(None, allow_inf_nan=False)
    agreement: float | None = Field(None, ge=0, le=1)


def append_history(file: Path, entries: list[Entry]) -> None:
    """Add lines; they are on the disk when this returns.

    Raises
    ------
    OSError
        If they could not be written; the file is as it was.
    """
    with Appendable(file) as lines:
        # A line that was torn when the power went ends here, and is dropped when it is read.
        lines.append(b"\n" * bool(lines.length) + "\n".join(map(seal, entries)).encode())


def read_history(file: Path) -> list[Entry]:
    """The lines that can be read, from where learning last began anew."""
    entries: list[Entry] = []
    if not file.is_file():
        return entries
    for line in file.read_bytes().splitlines():
        with suppress(ValueError):
            entry = unseal(line, Entry)
            entries = [] if entry.event == "forgotten" else [*entries, entry]
    return entries
