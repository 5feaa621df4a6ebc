"""One window at a time writes to a project."""

from __future__ import annotations

import datetime
import getpass
import json
import os
import platform
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import BaseModel, Field

from napari_densify.cases import disk


class Holder(BaseModel):
    """Who holds a project; for the sentence that another window shows."""

    process: int
    user: str = Field("", max_length=100)
    computer: str = Field("", max_length=100)
    since: str = Field("", max_length=40)

    def __str__(self) -> str:
        who = f" of {self.user}" if self.user else ""
        where = f" on {self.computer}" if self.computer else ""
        when = f" since {self.since}" if self.since else ""
        return f"is open in another window{when} (process {self.process}{who}{where})"


class Hold:
    """The right to write to a folder.

    The system drops the lock of a process that died, however it died, so a stale one does not
    block.

    Parameters
    ----------
    folder : Path
        A project's folder; it must exist.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "holder.json"
        self._lock = FileLock(folder / "lock", thread_local=False)

    def take(self) -> str:
        """Take the right, or say in the words of a sentence's end why it cannot be had."""
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return self._holder()
        except OSError:
            return "lies in a folder that cannot be written"
        since = datetime.datetime.now().strftime("%H:%M")
        holder = Holder(process=os.getpid(), user=_user(), computer=platform.node(), since=since)
        try:
            disk.replace(self._file, holder.model_dump_json().encode())
        except OSError:
            self._lock.release()
            return "lies in a folder that cannot be written"
        return ""

    def release(self) -> None:
        """Give the right back."""
        if self._lock.is_locked:
            with suppress(OSError):
                self._file.unlink(missing_ok=True)
        self._lock.release()

    def _holder(self) -> str:
        try:
            return str(Holder.model_validate(json.loads(self._file.read_bytes())))
        except (OSError, ValueError):
            return "is open in another window"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # nobody is logged in, as in some containers
        return ""
