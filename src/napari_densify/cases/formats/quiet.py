"""Keeps the chatter of C libraries off the terminal: what is wrong is said in our own words."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# tifffile logs what it thinks of each page; without a handler Python would print that.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_guard = threading.Lock()
_users = 0
_terminal = -1


@contextmanager
def quiet() -> Iterator[None]:
    """Let nothing that libraries write to the standard error stream by themselves get through.

    It is the process's, so for several threads it comes back when the last of them is done.
    """
    global _users, _terminal
    with _guard:
        if not _users:
            _terminal = _silence()
        _users += 1
    try:
        yield
    finally:
        with _guard:
            _users -= 1
            if not _users and _terminal >= 0:
                os.dup2(_terminal, 2)
                os.close(_terminal)


def _silence() -> int:
    """Send descriptor 2 nowhere; a copy of where it went, or -1 if it was closed."""
    try:
        copy = os.dup(2)
    except OSError:
        return -1
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return copy
