"""What is on a disk after the power went, as far as the system promises anything.

A file's bytes last once the file was synced, a name once its folder was. What was not synced may
be there, or not, or in part, each thing by itself.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Image = dict[str, bytes | None]
"""Content by path; None is a folder."""

WAYS = ("nothing unsynced", "names only", "bytes only", "everything", "torn", "chance")
"""What of the unsynced may have come to the disk."""


@dataclass
class Node:
    """A file's bytes that last, and what was done to them since they were synced."""

    lasting: bytes = b""
    since: list[tuple[Any, ...]] = field(default_factory=list)

    def now(self) -> bytes:
        """As a process reads it."""
        content = self.lasting
        for change in self.since:
            content = _changed(content, change)
        return content

    def after(self, way: str, rng: np.random.Generator) -> bytes:
        """As it may be found."""
        if way in ("nothing unsynced", "names only"):
            return self.lasting
        if way in ("bytes only", "everything"):
            return self.now()
        content = self.lasting
        for number, change in enumerate(self.since):
            last = number == len(self.since) - 1
            fate = rng.integers(4) if way == "chance" else 2 * last + 3 * (not last)
            if fate == 1 and change[0] == "write":
                change = (*change[:2], bytes(len(change[2])))  # room was made, nothing written
            elif fate == 2 and change[0] == "write":
                change = (*change[:2], change[2][: int(rng.integers(len(change[2]) + 1))])
            if fate:
                content = _changed(content, change)
        return content


class Disk:
    """The state of a disk after the calls in a `system.Recording`'s log so far."""

    def __init__(self) -> None:
        self._nodes: dict[int, Node] = {}
        self._lasting: dict[str, int | None] = {}
        self._since: list[tuple[Any, ...]] = []

    def replay(self, call: tuple[Any, ...]) -> None:
        """One more call.

        ``create PATH NODE`` · ``write NODE AT BYTES`` · ``truncate NODE LENGTH`` · ``sync NODE`` ·
        ``sync folder PATH`` · ``rename FROM TO NODE`` · ``unlink PATH`` · ``mkdir PATH`` ·
        ``rmdir PATH``; others are none of its business.
        """
        what = call[0]
        if what in ("write", "truncate"):
            self._nodes[call[1]].since.append((what, *call[2:]))
        elif what == "sync":
            self._nodes[call[1]] = Node(self._nodes[call[1]].now())
        elif what == "sync folder":
            mine = [op for op in self._since if os.path.dirname(op[1]) == call[1]]
            self._since = [op for op in self._since if os.path.dirname(op[1]) != call[1]]
            for op in mine:
                _rename(self._lasting, op)
        elif what in ("create", "rename", "unlink", "mkdir", "rmdir"):
            if what == "create":
                self._nodes[call[2]] = Node()
            self._since.append(call)

    def after(self, way: str, rng: np.random.Generator) -> Image:
        """What may be found if the power goes now, in one of `WAYS`."""
        names = dict(self._lasting)
        for op in self._since:
            if way in ("names only", "everything", "torn") or (
                way == "chance" and rng.random() < 0.5
            ):
                _rename(names, op)
        return {
            path: None if node is None else self._nodes[node].after(way, rng)
            for path, node in names.items()
        }


def lay_out(image: Image, root: Path, target: Path) -> None:
    """Write what was found under `root` to a real folder."""
    target.mkdir(parents=True)
    for path in sorted(image):
        content, place = image[path], target / os.path.relpath(path, root)
        if not place.parent.is_dir():
            continue  # a name in a folder that is not there
        if content is None:
            place.mkdir(exist_ok=True)
        else:
            place.write_bytes(content)


def _changed(content: bytes, change: tuple[Any, ...]) -> bytes:
    what, at = change[:2]
    if what == "truncate":
        return content[:at].ljust(at, b"\0")
    new = change[2]
    return content[:at].ljust(at, b"\0") + new + content[at + len(new) :] if new else content


def _rename(names: dict[str, int | None], op: tuple[Any, ...]) -> None:
    what, path = op[:2]
    if what == "create":
        names[path] = op[2]
    elif what == "rename":
        names.pop(path, None)
        names[op[2]] = op[3]
    elif what == "mkdir":
        names[path] = None
    else:
        names.pop(path, None)
