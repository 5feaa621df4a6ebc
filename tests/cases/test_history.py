"""What the curves show, on disk."""

from __future__ import annotations

from pathlib import Path

from napari_densify.cases.history import Entry, append_history, read_history


def test_the_history_drops_a_torn_line(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    assert read_history(file) == []
    entries = [Entry(time="now", steps=n, loss=0.5) for n in range(3)]
    append_history(file, entries)
    assert read_history(file) == entries
    file.write_bytes(file.read_bytes()[:-4])
    append_history(file, entries[:1])
    assert read_history(file) == [*entries[:2], entries[0]]
    append_history(file, [Entry(event="forgotten", time="now"), entries[2]])
    assert read_history(file) == [entries[2]]
