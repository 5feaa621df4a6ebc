"""Two processes at one project, at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from bench.faults.kills import ROOT, Life
from bench.faults.stage import SHAPE, Story, look, open_project
from bench.faults.tally import Lost, Tally, Wrong
from napari_densify.cases.annotation import Annotation

RIVALS = 3
ENTER = """
import sys
from pathlib import Path
from bench.faults.stage import open_project
sys.stdin.readline()
project = open_project(Path(sys.argv[1]))
print("writes" if project.writable else "reads", flush=True)
sys.stdin.readline()
project.close()
"""


def pairs(place: Path, count: int, seed: int = 0) -> Tally:
    """Read a project while another process paints in it; then let several enter it at once.

    Parameters
    ----------
    count : int
        How often it is opened meanwhile.
    """
    tally, story, folder = Tally("two processes at once"), Story(), place / "a.densify"
    life = Life(folder, seed, story)
    try:
        life.wait_for(strokes=1)
        read = []
        for number in range(count):
            sure = story.strokes
            with tally.case(f"opening {number} while another process paints"):
                read.append(_peek(folder, sure))
    finally:
        life.kill("both")
        life.bury()
    with tally.case("the project after all that"):
        look(folder, story)
    for number, annotation in read:
        # By now it is known what each stroke was.
        if not np.array_equal(annotation.marks, _state(story, number).marks):
            tally.wrong += 1
            tally.remarks.append(f"what was read at stroke {number} was never there")
    with tally.case(f"{RIVALS} processes open it in the same moment"):
        _rivals(folder)
    return tally


def _peek(folder: Path, sure: int) -> tuple[int, Annotation]:
    project = open_project(folder)
    project.close()
    if not project.read_only:
        raise Wrong("two processes may write at once")
    if project.number < sure:
        raise Lost(f"{sure} strokes were told of, {project.number} are there")
    return project.number, project.annotation


def _state(story: Story, strokes: int) -> Annotation:
    after = story.after()
    if strokes > story.strokes and after is not None:
        return after
    state = Annotation(SHAPE)
    for edit in story.edits[:strokes]:
        state.apply(edit)
    return state


def _rivals(folder: Path) -> None:
    entering = [
        subprocess.Popen(
            [sys.executable, "-c", ENTER, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for _ in range(RIVALS)
    ]
    for step in ("go", "leave"):
        for process in entering:
            assert process.stdin is not None
            process.stdin.write(f"{step}\n")
            process.stdin.flush()
        if step == "go":
            said = [process.stdout.readline().strip() for process in entering if process.stdout]
    for process in entering:
        process.communicate()
    if sorted(said) != ["reads"] * (RIVALS - 1) + ["writes"]:
        raise Wrong(f"they say {said}")
