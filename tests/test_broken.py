"""A hundred broken files, given to the command line: one sentence each and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .cases.broken_files import make_broken

ASK = """
import json, os, sys
from pathlib import Path
from napari_densify import cli
from napari_densify.cases.formats import arrays, dicom, medical, ome_zarr, tiff

def virtual():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmPeak"))

statuses, before = [], virtual()
for name in json.loads(sys.argv[1]):
    sys.argv = ["napari-densify", "info", name]
    print(f"# {name}", file=sys.stderr, flush=True)
    try:
        cli.main()
        statuses.append(0)
    except SystemExit as end:
        statuses.append(end.code)
print(json.dumps([statuses, virtual() - before]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_hundred_broken_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    files = make_broken(tmp_path / "broken")
    assert len(files) >= 100
    before = sorted(p for p in (tmp_path / "broken").rglob("*"))
    command = [sys.executable, "-c", ASK, json.dumps(list(map(str, files)))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    statuses, kilobytes = json.loads(done.stdout.splitlines()[-1])
    said = done.stderr.split("# " + str(tmp_path))[1:]
    assert len(said) == len(files)
    wrong = {}
    for file, status, text in zip(files, statuses, said, strict=True):
        sentences = text.strip().splitlines()[1:]
        plain = len(sentences) == 1 and sentences[0].startswith("napari-densify: ")
        ended = plain and sentences[0].endswith((".", "?")) and file.name in sentences[0]
        if status != 2 or not ended:
            wrong[file.name] = (status, sentences)
    assert not wrong
    assert sorted(p for p in (tmp_path / "broken").rglob("*")) == before, "nothing is written"
    assert kilobytes < 500_000, "no memory is taken for what a header claims"
