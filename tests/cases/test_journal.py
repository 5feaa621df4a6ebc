"""The journal: what was appended is there again, whatever happened to the end of the file."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_densify.cases import disk
from napari_densify.cases import journal as module
from napari_densify.cases.annotation import Annotation
from napari_densify.cases.edit import Edit
from napari_densify.cases.journal import MAGIC, Found, Journal, read_journal
from napari_densify.cases.problem import Problem

SHAPE = (8, 9, 10)
VOXELS = 720
END = 4
"""Bytes after the last record that say it is the last."""
strokes = st.lists(
    st.tuples(
        st.lists(st.integers(0, VOXELS - 1), min_size=1, max_size=40, unique=True),
        st.integers(0, 254),
        st.booleans(),
        st.booleans(),
    ),
    max_size=6,
)


def edits_of(strokes: list[tuple[list[int], int, bool, bool]]) -> list[Edit]:
    annotation, edits = Annotation(SHAPE), []
    for where, label, wrong, new_round in strokes:
        edit = annotation.change(np.array(where), label, wrong=wrong, new_round=new_round)
        if edit is not None:
            annotation.apply(edit)
            edits.append(edit)
        if label == 7 and (undo := annotation.undo()) is not None:
            annotation.apply(undo)
            edits.append(undo)
    return edits


def written(folder: Path, edits: list[Edit]) -> Path:
    path = folder / "journal"
    path.unlink(missing_ok=True)
    append(path, None, edits)
    return path


def append(path: Path, found: Found | None, edits: list[Edit]) -> None:
    journal = Journal(path, found)
    for edit in edits:
        journal.append(edit)
    journal.close()


def same(found: Found, edits: list[Edit]) -> bool:
    """Whether the records are those edits, under the numbers they were written with."""
    return all(map(same_edit, (record.edit for record in found.records), edits))


def same_edit(one: Edit, other: Edit) -> bool:
    arrays = ("where", "before", "after")
    numbers = ("round_before", "round_after", "undoes")
    return all(getattr(one, name) == getattr(other, name) for name in numbers) and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays
    )


def another() -> Edit:
    edit = Annotation(SHAPE).change(np.array([3]), 7)
    assert edit is not None
    return edit


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journal")


@settings(deadline=None, max_examples=30)
@given(strokes=strokes)
def test_what_was_written_is_read(folder: Path, strokes) -> None:
    edits = edits_of(strokes)
    found = read_journal(written(folder, edits), VOXELS)
    assert [record.number for record in found.records] == list(range(1, len(edits) + 1))
    assert same(found, edits)
    assert found.number == len(edits)
    assert not found.torn
    assert not found.damaged


@settings(deadline=None, max_examples=60)
@given(strokes=strokes, data=st.data())
def test_a_torn_end_costs_the_torn_record_only(folder: Path, strokes, data) -> None:
    edits = edits_of(strokes)
    path = written(folder, edits[:-1])
    last_at = path.stat().st_size
    path = written(folder, edits)
    whole = path.read_bytes()
    cut = data.draw(st.just(0) | st.integers(len(MAGIC), len(whole)))
    path.write_bytes(whole[:cut])
    found = read_journal(path, VOXELS)
    kept = len(found.records)
    assert same(found, edits)
    assert not found.damaged
    assert found.torn == (cut < len(whole))
    if cut >= len(whole) - END:
        assert kept == len(edits)
    elif cut >= last_at - END:
        assert kept == len(edits) - 1
    append(path, found, [another()])
    again = read_journal(path, VOXELS)
    assert same(again, [*edits[:kept], another()])
    assert [record.number for record in again.records] == list(range(1, kept + 2))
    assert not again.torn


@pytest.mark.parametrize("cut", [1, len(MAGIC) - 1])
def test_a_journal_torn_in_its_first_bytes_can_be_written_again(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal"
    path.write_bytes(MAGIC[:cut])
    append(path, read_journal(path, VOXELS), [another()])
    assert same(read_journal(path, VOXELS), [another()])


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_flipped_bit_is_noticed_and_costs_one_record(folder: Path, data) -> None:
    edits = edits_of([([1, 2, 3], 2, False, False), ([700], 3, True, True), ([5], 1, False, True)])
    path = written(folder, edits)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(len(MAGIC), len(content) - END - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    found = read_journal(path, VOXELS)
    numbers = [record.number for record in found.records]
    assert len(numbers) == len(edits) - 1
    assert same(found, [edits[number - 1] for number in numbers])
    assert found.torn == (len(edits) not in numbers)
    assert found.damaged == (len(edits) in numbers)
    assert found.missing == (numbers == [1, 3])


def test_foreign_and_oversized_files_are_not_believed(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"something else entirely")
    with pytest.raises(Problem, match="not a Densify journal"):
        read_journal(foreign, VOXELS)
    assert foreign.read_bytes() == b"something else entirely"
    path = written(tmp_path, edits_of([([700], 2, False, False)]))
    assert not read_journal(path, 100).records  # a voxel that the volume does not have


def test_a_full_disk_refuses_the_stroke_and_keeps_the_others(tmp_path: Path) -> None:
    first, second = edits_of([([1, 2], 2, False, False), (list(range(600)), 3, True, False)])
    path = written(tmp_path, [first])
    size = path.stat().st_size
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    journal = Journal(path, read_journal(path, VOXELS))
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, limit[1]))
        with pytest.raises(Problem, match="paint it again"):
            journal.append(second)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.stat().st_size == journal.length + END == size
    assert same(read_journal(path, VOXELS), [first])
    journal.append(second)
    journal.close()
    assert len(read_journal(path, VOXELS).records) == 2


def test_a_rewrite_keeps_what_is_appended_meanwhile(tmp_path: Path) -> None:
    first, second = edits_of([([1, 2], 2, False, False), ([3], 3, True, False)])
    path = written(tmp_path, [first])
    journal = Journal(path, read_journal(path, VOXELS))
    assert journal.begin_rewrite() == 1
    journal.append(second)
    journal.rewrite(b"")
    journal.append(another())
    journal.close()
    found = read_journal(path, VOXELS)
    assert [record.number for record in found.records] == [2, 3]
    assert same(found, [second, another()])


def test_no_stroke_counts_before_the_name_of_its_journal_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a rewrite that failed, the power may bring the old file back under that name."""
    first, second = edits_of([([1, 2], 2, False, False), ([3], 3, True, False)])
    path = written(tmp_path, [first])
    journal = Journal(path, read_journal(path, VOXELS))

    def broken(folder: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(disk, "sync_folder", broken)
        patch.setattr(module, "sync_folder", broken)
        journal.begin_rewrite()
        with pytest.raises(OSError):
            journal.rewrite(b"")
        with pytest.raises(Problem, match="paint it again"):
            journal.append(second)
    journal.append(second)
    journal.close()
    assert same(read_journal(path, VOXELS), [second])


def test_a_killed_process_loses_no_appended_edit(tmp_path: Path) -> None:
    script = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from napari_densify.cases.annotation import Annotation\n"
        "from napari_densify.cases.journal import Journal\n"
        f"a = Annotation({SHAPE})\n"
        "journal = Journal(Path(sys.argv[1]))\n"
        "for i in range(10**6):\n"
        "    edit = a.change(np.arange(i % 600, i % 600 + 50), 1 + i % 200)\n"
        "    journal.append(edit)\n"
        "    a.apply(edit)\n"
        "    print(i, flush=True)\n"
    )
    path = tmp_path / "journal"
    with subprocess.Popen([sys.executable, "-c", script, path], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        for _ in range(20):
            last = int(child.stdout.readline())
        os.kill(child.pid, signal.SIGKILL)
        last = int((child.stdout.read().splitlines() or [str(last).encode()])[-1])
    found = read_journal(path, VOXELS)
    assert len(found.records) >= last + 1
    assert not found.damaged
