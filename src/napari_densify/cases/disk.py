"""Writing so that it lasts: what a project writes goes to the disk through this file.

Only copies of whole folders (`place.move`, `migrate`) are made by `shutil`, and synced here.

What is asked of the system is only what it promises: a file's bytes last once the file was
synced, a name once its folder was, and a rename is whole or has not happened.
"""

from __future__ import annotations

import errno
import itertools
import os
import sys
from contextlib import suppress
from pathlib import Path

_number = itertools.count()


def replace(file: Path, content: bytes) -> None:
    """Write a file whole: at every moment it is the old one or the new one.

    Raises
    ------
    OSError
        If it could not be written; the old one is there then.
    """
    partial = file.with_name(f".{file.name}.{os.getpid()}-{next(_number)}.partial")
    try:
        with Appendable(partial) as new:
            new.append(content)
        os.replace(partial, file)
    except OSError:
        with suppress(OSError):
            os.unlink(partial)
        raise
    sync_folder(file.parent)


def vanished(path: Path) -> FileNotFoundError:
    """The error of writing into a folder that is gone.

    It is not made anew: who puts it back must find its place free.
    """
    return FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, that last; one that is there already is as good."""
    if not folder.is_dir():
        if not folder.parent.is_dir():
            make_folder(folder.parent)
        with suppress(FileExistsError):
            os.mkdir(folder)
        sync_folder(folder.parent)


def remove(file: Path) -> None:
    """Remove a file for good; one that is gone already is as good."""
    if file.exists():
        os.unlink(file)
        sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            _sync(descriptor)
        finally:
            os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make all files and names in a folder last."""
    for root, _, files in os.walk(folder):
        for name in files:
            descriptor = os.open(os.path.join(root, name), os.O_RDWR)
            try:
                _sync(descriptor)
            finally:
                os.close(descriptor)
        sync_folder(Path(root))


class Appendable:
    """A file that only grows, a whole piece at a time.

    Parameters
    ----------
    path : Path
        Made if it does not exist; its folder must.
    tail : bytes
        What follows the last piece; each piece is written over it, with a new one behind it. A
        file without it was cut, even if that was just between two pieces.

    Attributes
    ----------
    length : int
        Bytes before the tail.
    """

    def __init__(self, path: Path, tail: bytes = b"") -> None:
        self.path, self._tail = path, tail
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(path, flags, 0o666)
        self.length = os.lseek(self._descriptor, 0, os.SEEK_END)
        if tail and self.length >= len(tail):
            os.lseek(self._descriptor, self.length - len(tail), os.SEEK_SET)
            if os.read(self._descriptor, len(tail)) == tail:
                self.length -= len(tail)

    @property
    def there(self) -> bool:
        """Whether its name still stands for it: it is neither removed nor replaced."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self.path))
        except OSError:
            return False

    def append(self, content: bytes) -> None:
        """Write at the end; it is on the disk when this returns.

        Raises
        ------
        OSError
            If it could not be written; the file is as it was before.
        """
        try:
            self._write(self.length, content + self._tail)
            _sync(self._descriptor)
        except OSError:
            with suppress(OSError):
                self._end(self.length)
            raise
        self.length += len(content)

    def cut(self, length: int) -> None:
        """Let the file end earlier."""
        self._end(length)
        _sync(self._descriptor)
        self.length = length

    def close(self) -> None:
        """Let go of the file; what is appended after that is refused."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _end(self, length: int) -> None:
        # In this order the file is seen to be torn until both are done, and if one fails.
        try:
            self._write(length, self._tail)
        finally:
            os.ftruncate(self._descriptor, length + len(self._tail))

    def _write(self, at: int, content: bytes) -> None:
        os.lseek(self._descriptor, at, os.SEEK_SET)
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def __enter__(self) -> Appendable:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":
        import fcntl

        # There fsync stops at the drive's own cache.
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)
