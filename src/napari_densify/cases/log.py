"""The log file: what went wrong and where, of which nothing tells whose image it was.

Layer names, folders and file names may hold a patient's name. So a record keeps what the code
says, and of what it was told only this:

- Numbers.
- Of a name in “typographic quotes” nothing: ``“…”``, from the first “ to the last ” of a record,
  because a name may hold quotes itself.
- Of a path the known endings of its last part, and the names that the program itself gives to
  files in a project: ``<path>.nii.gz``, ``<path>.densify/journal``.
- Of an exception its type, the lines of code it came through, and those phrases of its text that
  stand literally in the file of code that raised it; of an error of the system the system's words.

Nothing in a finished sentence shows where a path with blanks in it ends. In a message that comes
as mere text, all that follows an absolute path is dropped, and the whole message if it holds a
path or file name of another kind. Therefore log the exception, not its text, and names in quotes::

    logger.warning("%s", problem)
    logger.info("“%s” was opened from %s", layer.name, path)
"""

from __future__ import annotations

import ast
import copy
import linecache
import logging
import os
import re
import sysconfig
import traceback
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import cache
from logging.handlers import RotatingFileHandler
from numbers import Number
from pathlib import Path, PurePath
from typing import Any

from platformdirs import user_log_path

SIZE = 1_000_000
"""Bytes after which a new file is begun."""
OLDER = 3
"""Full files that are kept beside it."""

_logger = logging.getLogger("napari_densify")
# Without any handler, Python would print warnings to stderr, names and all.
_logger.addHandler(logging.NullHandler())

_QUOTED = re.compile("“.*”|“.*", re.DOTALL)
_ABSOLUTE = re.compile(r"""(?<![^\s'"(\[=:,])(?:/|\\\\|[A-Za-z]:[\\/])""")
# Only what is listed is shown: in “scan.DOE” the ending is the name.
_SHOWN = re.compile(
    r"(?:\.densify[/\\](?:journal|project\.json|history\.jsonl|lock|model|annotation\.zarr"
    r"|prediction\.zarr)"
    r"|(?:\.(?:nii|gz|seg|nrrd|nhdr|mha|mhd|ome|tiff?|npy|dcm|zarr|stl|ply|csv|densify|jsonl?|safetensors|py))+)(?!\w)",
    re.IGNORECASE,
)
_CODE = sorted(
    {str(Path(__file__).parents[2]), *map(sysconfig.get_path, ("purelib", "platlib", "stdlib"))},
    key=len,
    reverse=True,
)


def log_file() -> Path:
    """Where the log is, whether or not there is one yet."""
    return user_log_path("napari-densify", appauthor=False) / "napari-densify.log"


def start_log() -> Path | None:
    """Write what this package logs to the log file from now on; again changes nothing.

    Returns
    -------
    Path or None
        The file; None if it cannot be written, and the program goes on without.
    """
    for handler in _logger.handlers:
        if isinstance(handler, _SharedFile):
            return Path(handler.baseFilename)
    file = log_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.open("ab").close()
    except OSError:
        return None
    handler = _SharedFile(
        file, maxBytes=SIZE, backupCount=OLDER, encoding="utf-8", delay=True,
        errors="backslashreplace",
    )  # fmt: skip
    handler.setLevel(logging.INFO)
    handler.setFormatter(_Anonymous("%(asctime)s %(levelname)s %(process)d %(message)s"))
    _logger.addHandler(handler)
    if _logger.getEffectiveLevel() > logging.INFO:
        _logger.setLevel(logging.INFO)
    return file


class _SharedFile(RotatingFileHandler):
    """A rotating file to which several processes may write; it never raises or prints."""

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # type: ignore[override]
        self._follow()
        return bool(super().shouldRollover(record))

    def doRollover(self) -> None:
        """Put the full file aside; only one process can, the others go on with the new one."""
        self._let_go()
        aside = f"{self.baseFilename}.full"
        # Windows moves no file that another process has open: then it grows a while longer.
        with suppress(OSError):
            os.replace(self.baseFilename, aside)
            for number in range(self.backupCount, 1, -1):
                with suppress(FileNotFoundError):
                    os.replace(f"{self.baseFilename}.{number - 1}", f"{self.baseFilename}.{number}")
            os.replace(aside, f"{self.baseFilename}.1")

    def handleError(self, record: logging.LogRecord) -> None:
        """Do without the record: a full disk must not disturb who paints."""

    def _follow(self) -> None:
        """Leave a file that another process has put aside, or somebody deleted."""
        if self.stream is not None:
            try:
                there = os.stat(self.baseFilename)
            except FileNotFoundError:
                self._let_go()
            else:
                if not os.path.samestat(there, os.fstat(self.stream.fileno())):
                    self._let_go()

    def _let_go(self) -> None:
        # The next record opens the file again.
        stream, self.stream = self.stream, None  # type: ignore[assignment]
        if stream is not None:
            with suppress(OSError):
                stream.close()


class _Anonymous(logging.Formatter):
    """Applies the rule at the top of this file to messages and exceptions."""

    def format(self, record: logging.LogRecord) -> str:
        # Other handlers get the record as it was, and none of the texts it may carry is used here.
        shown = copy.copy(record)
        shown.msg, shown.args = _message(record), None
        shown.exc_text = shown.stack_info = None
        return super().format(shown)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        when = datetime.fromtimestamp(record.created).astimezone()
        return when.isoformat(timespec="milliseconds")

    def formatException(self, ei: Any) -> str:
        """The exception and its causes, the first cause first.

        Without the lines' text: those of a user's own script may hold names.
        """
        parts: list[str] = []
        error: BaseException | None = ei[1]
        seen: set[int] = set()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            lines = [
                f'  File "{_within_package(file) or _hidden(file)}", line {line}, in {function}'
                for frame, line in traceback.walk_tb(error.__traceback__)
                for file, function in [(frame.f_code.co_filename, frame.f_code.co_name)]
            ]
            parts.insert(0, "\n".join([*lines, f"{type(error).__name__}: {_said(error)}"]))
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\nwhich led to\n".join(parts)


def _message(record: logging.LogRecord) -> str:
    args = record.args
    if not args:
        return _QUOTED.sub("“…”", str(_safe(record.msg)))
    words = str(record.msg)
    if isinstance(args, Mapping):
        message = words % {key: _safe(value) for key, value in args.items()}
    else:
        message = words % tuple(map(_safe, args))
    # An f-string that has arguments as well: what it was told stands in its words.
    if _ABSOLUTE.search(words) or _SHOWN.search(words):
        return _text(message)
    return _QUOTED.sub("“…”", message)


def _safe(value: object) -> object:
    if isinstance(value, Number):
        return value
    if isinstance(value, BaseException):
        return _said(value)
    if isinstance(value, PurePath):
        return _hidden(str(value))
    return _text(str(value))


def _said(error: BaseException) -> str:
    """What an exception says, in the words of the code that raised it."""
    if isinstance(error, OSError) and isinstance(error.errno, int):
        return os.strerror(error.errno)
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    if not frames:
        return _text(str(error))
    words = _literals(frames[-1].f_code.co_filename)
    if isinstance(error.__cause__, OSError):
        words = [*words, _said(error.__cause__)]
    literal = "|".join(map(re.escape, sorted(words, key=len, reverse=True))) or "(?!)"
    parts = re.split(f"({literal})", str(error))
    return "".join(part if i % 2 else _hidden(part) for i, part in enumerate(parts))


@cache
def _literals(file: str) -> list[str]:
    """The phrases that stand literally in a file of code, those between the {} of f-strings too.

    Single words are left out because a name may well be one; so is a user's own code.
    """
    if not _within_package(file):
        return []
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return []
    texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    return [t for t in texts if isinstance(t, str) and (len(t.split()) > 1 or t in ("“", "”"))]


def _text(text: str) -> str:
    text = _QUOTED.sub("“…”", text)
    path = _ABSOLUTE.search(text)
    before = text[: path.start()] if path else text
    if re.search(r"[/\\]", before) or _SHOWN.search(before):
        return _hidden(text)
    return before + _hidden(text[len(before) :])


def _hidden(text: str) -> str:
    """What may be shown of a name or a path."""
    shown = [*_SHOWN.finditer(text)]
    if not shown:
        return text and ("<path>" if re.search(r"[/\\]", text) else "…")
    return ("<path>" if shown[-1].start() else "") + shown[-1][0].replace("\\", "/").lower()


def _within_package(file: str) -> str | None:
    """Where installed code is, from its package on; None for a user's own."""
    for root in _CODE:
        with suppress(ValueError):
            return PurePath(file).relative_to(root).as_posix()
    return None
