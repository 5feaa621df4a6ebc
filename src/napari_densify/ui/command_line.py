"""What the command line does for the window: torch is not for napari's process."""

from __future__ import annotations

import subprocess
import sys

from napari_densify.cases.problem import Problem


def run(*command: object) -> None:
    """Run a command of `napari-densify` in a process of its own and wait for its end.

    Parameters
    ----------
    command
        Its name and what stands behind it.

    Raises
    ------
    Problem
        If it fails: what it said last.
    """
    line = [sys.executable, "-m", "napari_densify.cli", *map(str, command)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["the command ended by itself"]
        raise Problem(last[0].removeprefix("napari-densify: "))
