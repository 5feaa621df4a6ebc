"""A fake file system: the real one, but what is asked of it is written down, or refused."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Self

FULL = (errno.ENOSPC, errno.EDQUOT)
BY_NAME = ("open", "replace", "rename", "unlink", "remove", "mkdir", "rmdir")
BY_DESCRIPTOR = ("write", "ftruncate", "fsync", "lseek", "read", "close")


class Watched:
    """The system's calls under a folder, while it is entered; for subclasses to look at.

    Parameters
    ----------
    root : Path
        Calls that concern other places go through unseen.
    """

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self._real: dict[str, Callable[..., Any]] = {}
        self._open: dict[int, str] = {}
        self._turn = threading.RLock()

    def __enter__(self) -> Self:
        for name in (*BY_NAME, *BY_DESCRIPTOR):
            self._real[name] = getattr(os, name)
            call = self._named if name in BY_NAME else self._described
            setattr(os, name, partial(call, name))
        return self

    def __exit__(self, *error: object) -> None:
        for name, real in self._real.items():
            setattr(os, name, real)

    def before(self, name: str, path: str, args: tuple[Any, ...]) -> None:
        """A call is about to be made; raise to refuse it."""

    def after(self, name: str, path: str, args: tuple[Any, ...], result: Any) -> None:
        """It was made."""

    def _named(self, name: str, place: Any, *args: Any, **options: Any) -> Any:
        path = "" if isinstance(place, int) or options.get("dir_fd") else os.fspath(place)
        real = self._real[name]
        if not isinstance(path, str) or not path.startswith(self.root):
            return real(place, *args, **options)
        with self._turn:
            self.before(name, path, args)
            result = real(place, *args, **options)
            if name == "open":
                self._open[result] = path
            self.after(name, path, args, result)
        return result

    def _described(self, name: str, descriptor: int, *args: Any) -> Any:
        real = self._real[name]
        if descriptor not in self._open:
            return real(descriptor, *args)
        with self._turn:
            self.before(name, self._open[descriptor], (descriptor, *args))
            result = real(descriptor, *args)
            self.after(name, self._open[descriptor], (descriptor, *args), result)
            if name == "close":
                del self._open[descriptor]
        return result


class Refusing(Watched):
    """A disk that has no room at the n-th thing that needs some.

    Parameters
    ----------
    root : Path
    at : int
        Which call is refused, from 0.
    code : int
        ``errno.ENOSPC``, ``errno.EDQUOT``, ``errno.EROFS``, …
    lasting : bool
        Whether all later ones are refused too.
    half : bool
        Whether a refused write has written half before; that is what full disks do.

    Attributes
    ----------
    seen : int
        Calls that needed room so far.
    refused : str
        What was refused first.
    """

    def __init__(self, root: Path, at: int, code: int, lasting: bool = False, half: bool = False):
        super().__init__(root)
        self.seen, self.refused = 0, ""
        self._at, self._code, self._lasting, self._half = at, code, lasting, half

    def before(self, name: str, path: str, args: tuple[Any, ...]) -> None:
        creates = name == "open" and args and args[0] & os.O_CREAT and not os.path.exists(path)
        if not creates and name not in ("write", "fsync", "replace", "rename", "mkdir"):
            return
        if os.path.basename(path) == "lock":
            return  # held by a lock of its own making, which needs no room
        number, self.seen = self.seen, self.seen + 1
        if number == self._at or (self._lasting and number > self._at):
            self.refused = self.refused or f"{name} of {os.path.relpath(path, self.root)}"
            if name == "write" and self._half and number == self._at:
                self._real["write"](args[0], bytes(args[1])[: len(args[1]) // 2])
            raise OSError(self._code, os.strerror(self._code), path)


class Recording(Watched):
    """Writes down every change under a folder, for `crash.Disk` to replay.

    Attributes
    ----------
    log : list of tuples
        ``(what, …)`` in order, see `crash.Disk.replay`; and whatever `mark` was told.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.log: list[tuple[Any, ...]] = []
        self._nodes: dict[str, int] = {}
        self._node_of: dict[int, int] = {}
        self._at: dict[int, int] = {}

    def mark(self, *what: Any) -> None:
        """Note in the log what happened outside the file system."""
        with self._turn:
            self.log.append(("mark", *what))

    def before(self, name: str, path: str, args: tuple[Any, ...]) -> None:
        if name == "open" and args and args[0] & os.O_CREAT and not os.path.exists(path):
            self._nodes[path] = len(self.log)
            self.log.append(("create", path, self._nodes[path]))

    def after(self, name: str, path: str, args: tuple[Any, ...], result: Any) -> None:
        if name == "open":
            self._node_of[result] = self._nodes.get(path, -1)
            self._at[result] = 0
            if args and args[0] & os.O_TRUNC:
                self.log.append(("truncate", self._node_of[result], 0))
        elif name == "lseek":
            self._at[args[0]] = result
        elif name == "read":
            self._at[args[0]] += len(result)
        elif name == "write":
            node, at = self._node_of[args[0]], self._at[args[0]]
            self.log.append(("write", node, at, bytes(args[1])[:result]))
            self._at[args[0]] += result
        elif name == "ftruncate":
            self.log.append(("truncate", self._node_of[args[0]], args[1]))
        elif name == "fsync":
            node = self._node_of[args[0]]
            self.log.append(("sync", node) if node >= 0 else ("sync folder", path))
        elif name in ("replace", "rename"):
            target = os.fspath(args[0])
            self._nodes[target] = self._nodes.pop(path)
            self.log.append(("rename", path, target, self._nodes[target]))
        elif name in ("unlink", "remove"):
            self._nodes.pop(path, None)
            self.log.append(("unlink", path))
        elif name in ("mkdir", "rmdir"):
            self.log.append((name, path))
