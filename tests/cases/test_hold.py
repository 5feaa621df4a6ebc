"""Who may write to a project: one window, until it is closed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.problem import Problem
from napari_densify.cases.reference import ImageReference

from .projects import CLASSES, assert_same, change, paint, painted


def test_a_closed_project_takes_no_strokes(path: Path, image: ImageReference) -> None:
    folder = ProjectFolder(path, image, CLASSES)
    paint(folder)
    folder.close()
    with pytest.raises(Problem, match="closed"):
        folder.commit(change(folder.annotation, 600, 4))
    again = ProjectFolder(path)
    assert not again.read_only
    again.close()


def test_a_second_window_only_reads(path: Path, image: ImageReference) -> None:
    folder = ProjectFolder(path, image, CLASSES)
    paint(folder)
    second = ProjectFolder(path, image)
    assert second.read_only
    assert not second.writable
    assert f"process {os.getpid()}" in second.holder
    assert_same(second.annotation, folder.annotation)
    with pytest.raises(Problem, match=r"open in another window.* nothing can be changed"):
        second.commit(change(second.annotation, 600, 4))
    second.close()
    folder.commit(change(folder.annotation, 600, 4))
    folder.close()
    third = ProjectFolder(path, image)
    assert third.writable
    assert third.number == 6
    third.close()


@pytest.mark.parametrize("closed", [False, True])
def test_a_window_that_opened_it_before_it_was_made_takes_nothing_from_it(
    path: Path, image: ImageReference, closed: bool
) -> None:
    second = ProjectFolder(path, image)
    folder = ProjectFolder(path, image, CLASSES)
    paint(folder)
    if closed:
        folder.close()
    for _ in range(2):
        with pytest.raises(Problem, match="another window"):
            second.commit(change(second.annotation, 600, 4))
    second.close()
    folder.close()
    third = ProjectFolder(path, image)
    assert third.writable
    assert list(third.description.classes) == list(CLASSES)
    assert_same(third.annotation, folder.annotation)
    third.close()


def test_a_stale_lock_does_not_block(path: Path, image: ImageReference) -> None:
    painted(path, image)
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from napari_densify.cases.hold import Hold\n"
        "hold = Hold(Path(sys.argv[1]))\n"
        "assert not hold.take()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, path], check=False)
    assert (path / "holder.json").exists()
    folder = ProjectFolder(path, image)
    assert folder.writable
    folder.close()
