"""The log file: written whatever happens, and nothing in it tells whose image it was."""

from __future__ import annotations

import logging
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path, PureWindowsPath

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from napari_densify.cases import log as module
from napari_densify.cases.formats import check_ending, read_volume, write_volume
from napari_densify.cases.log import log_file, start_log
from napari_densify.cases.problem import Problem
from napari_densify.cases.reference import ImageReference
from napari_densify.cases.volume import Volume, check_image

logger = logging.getLogger("napari_densify.tests")


@pytest.fixture
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The package's logger as it is before anything was started; the log goes to a new place."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    if not log_file().is_relative_to(tmp_path):
        pytest.skip("the log's place does not follow XDG_STATE_HOME on this system")
    # napari's pytest plugin turns what is logged into text; the program sees the objects.
    monkeypatch.setattr(logging, "_logRecordFactory", logging.LogRecord)
    package = logging.getLogger("napari_densify")
    handlers, level = package.handlers[:], package.level
    package.handlers[:] = [h for h in handlers if isinstance(h, logging.NullHandler)]
    yield log_file()
    for handler in package.handlers:
        handler.close()
    package.handlers[:] = handlers
    package.setLevel(level)


@pytest.fixture
def log(clean: Path) -> Path:
    """The log, started."""
    assert start_log() == clean
    return clean


@pytest.fixture
def handler(log: Path) -> RotatingFileHandler:
    """What writes it."""
    handlers = logging.getLogger("napari_densify").handlers
    (handler,) = (h for h in handlers if isinstance(h, RotatingFileHandler))
    return handler


def last(log: Path) -> str:
    """The message of the record written last, if it is one line."""
    return log.read_text("utf-8").splitlines()[-1].split(" ", 3)[3]


def test_a_record_has_time_level_process_and_message(log: Path) -> None:
    logger.debug("not this")
    logger.info("learned %d steps", 17)
    (line,) = log.read_text("utf-8").splitlines()
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"
    assert re.fullmatch(rf"{time} INFO {os.getpid()} learned 17 steps", line)


def test_started_twice_it_writes_once(log: Path) -> None:
    assert start_log() == log
    logger.warning("once")
    assert log.read_text("utf-8").count("once") == 1


@pytest.mark.parametrize("obstacle", ["a file in the way", "a folder in the way", "no right"])
def test_without_a_place_for_it_all_goes_on(
    clean: Path, obstacle: str, capfd: pytest.CaptureFixture[str]
) -> None:
    if obstacle == "a file in the way":
        clean.parents[2].write_text("")
    elif obstacle == "a folder in the way":
        clean.mkdir(parents=True)
    else:
        if os.name != "posix" or os.geteuid() == 0:
            pytest.skip("nothing is forbidden to this user")
        clean.parent.mkdir(parents=True)
        clean.parent.chmod(0o500)
    assert start_log() is None
    logger.warning("Cannot write /home/DOE")
    assert capfd.readouterr().err == ""


def test_what_cannot_be_written_later_disturbs_nobody(
    log: Path, handler: RotatingFileHandler, capfd: pytest.CaptureFixture[str]
) -> None:
    logger.info("before")
    log.unlink()
    log.parent.rmdir()
    log.parent.write_text("")
    logger.info("lost")
    # Not by the logger, for pytest's own handler raises at this.
    handler.handle(logging.LogRecord("", logging.INFO, "", 0, "%d", ("no number",), None))
    log.parent.unlink()
    log.parent.mkdir()
    logger.info("after")
    assert last(log) == "after"
    assert capfd.readouterr().err == ""


def test_old_records_make_room(log: Path, handler: RotatingFileHandler) -> None:
    (handler,) = (
        h for h in logging.getLogger("napari_densify").handlers if isinstance(h, module._SharedFile)
    )
    assert (handler.maxBytes, handler.backupCount) == (1_000_000, 3)
    handler.maxBytes = 2000
    for number in range(200):
        logger.info("record %d", number)
    files = sorted(log.parent.iterdir(), reverse=True)
    assert [f.name for f in files] == [f"{log.name}{end}" for end in (".3", ".2", ".1", "")]
    assert all(f.stat().st_size <= 2000 for f in files)
    kept = [int(n) for f in files for n in re.findall(r"record (\d+)", f.read_text("utf-8"))]
    assert kept == list(range(kept[0], 200))


def test_a_full_file_that_cannot_be_put_aside_grows(
    log: Path, handler: RotatingFileHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, while another process has it open."""

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(module.os, "replace", refuse)
    handler.maxBytes = 500
    for number in range(50):
        logger.info("record %d", number)
    assert log.read_text("utf-8").count("record") == 50


WRITER = """
import logging, sys
from napari_densify.cases import log
log.SIZE = int(sys.argv[2])
assert log.start_log()
logger = logging.getLogger("napari_densify.writer")
print("ready", flush=True)
sys.stdin.readline()
for number in range(1000):
    logger.info("record of %s: %d.", sys.argv[1], number)
"""


@pytest.mark.parametrize("size", [30_000, 1_000_000])
def test_two_processes_at_once(clean: Path, size: int) -> None:
    """Nothing is lost between files; only what is older than four of them may go."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, name, str(size)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for name in ("one", "two")
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert writer.returncode == 0
        assert errors == ""
    files = list(clean.parent.iterdir())
    assert len(files) <= 4
    text = "".join(f.read_text("utf-8") for f in files)
    for name in ("one", "two"):
        kept = sorted(int(n) for n in re.findall(rf"record of {name}: (\d+)\.\n", text))
        assert len(kept) == len(set(kept))
        if size == 1_000_000:
            assert kept == list(range(1000))
        else:
            # The last records of both are there, whoever put the files aside.
            assert kept[-200:] == list(range(800, 1000))


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/home/a/DOE_JOHN/ct.nii.gz", "<path>.nii.gz"),
        ("/home/a/DOE_JOHN.densify/journal", "<path>.densify/journal"),
        ("/home/a/DOE JOHN; 1970.densify", "<path>.densify"),
        ("/home/a/DOE_JOHN.densify/DOE.npy", "<path>.npy"),
        ("/home/a/scan.DOE", "<path>"),
        ("/home/a/DOE.JOHN.TIF", "<path>.tif"),
        ("C:\\Users\\DOE\\ct.nii.gz", "<path>.nii.gz"),
        ("D:\\DOE.densify\\project.json", "<path>.densify/project.json"),
        ("\\\\server\\DOE\\ct.nrrd", "<path>.nrrd"),
    ],
)
def test_of_a_path_the_endings_are_kept(log: Path, path: str, shown: str) -> None:
    kind = PureWindowsPath if "\\" in path else Path
    logger.info("Opened %s now", kind(path))
    assert last(log) == f"Opened {shown} now"
    logger.info(f"Opened {path} now")
    assert last(log) == f"Opened {shown}"
    logger.info("Opened %s now", path)
    assert last(log) == f"Opened {shown} now"
    logger.info("Opened %(path)r now", {"path": path})
    assert last(log) == f"Opened '{shown}' now"
    logger.info(f"Opened {path} in %d s", 3)
    assert last(log) == f"Opened {shown}"


def test_of_names_nothing_is_kept_and_of_sentences_the_rest(log: Path) -> None:
    logger.info("“DOE” is 2-D; choose a 3-D volume.")
    assert last(log) == "“…” is 2-D; choose a 3-D volume."
    logger.info("“%s” was opened", "DO”E")
    assert last(log) == "“…” was opened"
    logger.info("DOE JOHN.nii.gz holds no annotation.")
    assert last(log) == "<path>.nii.gz"
    logger.info("There is no file DOE JOHN/ct; check the name.")
    assert last(log) == "<path>"


def test_other_handlers_see_the_record_as_it_was(
    log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    try:
        raise Problem("“DOE” is empty")
    except Problem as problem:
        logger.exception("%s", problem)
    assert caplog.records[-1].getMessage() == "“DOE” is empty"
    assert caplog.records[-1].exc_text is None or "DOE" in caplog.records[-1].exc_text


def test_exceptions_keep_their_type_their_way_and_our_words(log: Path, tmp_path: Path) -> None:
    (tmp_path / "DOE JOHN").write_text("")
    try:
        write_volume(tmp_path / "DOE JOHN" / "DOE.nii.gz", Volume(np.zeros((9, 9, 9), np.uint8)))
    except Problem:
        logger.exception("Writing “%s” failed", "DOE")
    text = log.read_text("utf-8")
    assert "DOE" not in text
    assert "Writing “…” failed" in text
    assert "FileExistsError: File exists\nwhich led to\n" in text
    assert text.endswith(
        "\nProblem: Cannot write <path>.nii.gz; choose a folder that can be written.\n"
    )
    assert re.search(r'File "pathlib\S*\.py", line \d+, in mkdir', text)
    assert 'File "napari_densify/cases/formats/__init__.py", line ' in text
    # This test is in no package: its own place may tell something.
    assert 'File "<path>.py", line ' in text
    try:
        check_image(np.zeros((3, 3)), "DOE")
    except Problem as problem:
        logger.warning("%s", problem)
    assert last(log) == "“…” is 2-D; choose a 3-D volume."


def test_the_words_of_a_users_own_script_are_not_kept(log: Path) -> None:
    try:
        raise Problem("Mister DOE is not here")
    except Problem as problem:
        logger.warning("%s", problem)
    assert last(log) == "…"


def test_the_systems_words_within_ours_are_kept(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "code.py").write_text(
        "def save(path):\n"
        "    try:\n"
        "        (path / 'below').write_text('')\n"
        "    except OSError as error:\n"
        "        raise ValueError(f'{path} cannot be saved ({error.strerror}); make room there') "
        "from error\n"
    )
    monkeypatch.setattr(module, "_CODE", [str(tmp_path)])
    save = runpy.run_path(str(tmp_path / "code.py"))["save"]
    try:
        save(Path("/DOE JOHN.densify"))
    except ValueError as error:
        logger.warning("%s", error)
    kept = "cannot be saved (No such file or directory); make room there"
    assert last(log) == f"<path>.densify {kept}"


def test_values_in_the_exceptions_of_others_are_not_kept(log: Path) -> None:
    for fail in (
        lambda: {}["DOE"],
        lambda: int("DOE"),
        lambda: ImageReference.model_validate({"path": "DOE", "shape": "DOE"}),
        lambda: np.zeros(3).reshape("DOE"),
    ):
        try:
            fail()
        except Exception:
            logger.exception("failed")
    assert "DOE" not in log.read_text("utf-8")
    assert "KeyError: …" in log.read_text("utf-8")


# NUL is in no path, and half a surrogate pair in no text that a program gets from a person.
NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60
) | st.lists(
    st.sampled_from(
        [
            *("DOE", "JOHN", "1970", "Zürich", "山田太郎", " ", "; ", " (", ")", ". ", ", ", "“"),
            *("”", "'", '"', "/", "\\", "\n", "_", "^", ".nii.gz", ".densify", "%s", "{}", "C:\\"),
        ]
    ),
    min_size=1,
    max_size=8,
).map("".join)
SENTENCES = [
    "“{}” is 2-D; choose a 3-D volume.",
    "“{}” is empty; choose a volume with voxels in it.",
    "“{}” was removed; press Annotate to go on. What you painted is kept.",
    "Reading “{}” …",
    "/data/{} is open in another window; close it there first.",
    "C:\\data\\{} is open in another window; close it there first.",
    "Cannot write /data/{}; choose a folder that can be written.",
    "Cannot write /data/{}/journal; choose a folder that can be written.",
    "The stroke could not be saved in /data/{} (No space left); make room there.",
    "Cannot read the image: [Errno 2] No such file or directory: '/data/{}'",
]


def told(name: str, folder: Path) -> None:
    """Log this name in each way the program has for it."""
    for sentence in SENTENCES:
        logger.warning(sentence.replace("{}", name))
        logger.warning("%s", sentence.replace("{}", name))
        # An f-string that has arguments as well; pytest's own handler raises at a wrong format.
        logger.warning(sentence.replace("{}", name.replace("%", "%%")) + " %d", 1)
    logger.info("“%s” was opened from %s", name, Path("/data") / name)
    path = Path(name)
    flat = np.zeros((3, 3))
    for fail in (
        lambda: check_image(flat, name),
        lambda: check_ending(path),
        lambda: read_volume(folder / path.name),
        lambda: read_volume(path),
        lambda: (folder / path.name / "below").read_bytes(),
        lambda: {}[name],
        lambda: int(name + "x"),
    ):
        try:
            fail()
        except (Problem, OSError, KeyError, ValueError) as problem:
            logger.warning("%s", problem)
            logger.exception("It failed")


def fragments(text: str) -> set[str]:
    """Every three letters in a row."""
    return {text[i : i + 3] for i in range(len(text) - 2) if text[i : i + 3].isalpha()}


def test_no_name_reaches_the_log(log: Path, handler: RotatingFileHandler, tmp_path: Path) -> None:
    handler.maxBytes = 0  # one file that only grows
    told("?", tmp_path)
    # Words of the program, and the endings it may show, are nobody's name.
    ours = [log.read_text("utf-8"), module._SHOWN.pattern]
    for function in (check_image, check_ending):
        ours += module._literals(function.__code__.co_filename)
    known = set().union(*map(fragments, ours))

    @given(NAMES)
    @settings(max_examples=300, deadline=None)
    @example("DOE”JOHN; x (DOE")
    @example("DOE JOHN/x.nii.gz DOE")
    @example("C:\\DOE\nDOE.densify DOE")
    def check(name: str) -> None:
        start = log.stat().st_size
        told(name, tmp_path)
        with log.open("rb") as file:
            file.seek(start)
            text = file.read().decode("utf-8")
        assert text.count("It failed") >= 5
        assert not fragments(name) & fragments(text) - known

    check()
