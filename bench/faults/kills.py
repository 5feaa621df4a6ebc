"""kill -9 of the painting process, of its worker, or of both, at any moment while it learns."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np
import psutil

from bench.faults.stage import SHAPE, Story, look
from bench.faults.tally import Tally
from napari_densify.cases.edit import Edit
from napari_densify.cases.journal import MAGIC, read_journal

PATIENCE = 180.0
"""Seconds for what must happen some time."""
LONGEST = 1.0
"""Seconds of painting and training before a kill, at most."""
ROOT = Path(__file__).parents[2]
LIVES = 25
"""Kills of one project; then a new one, so that each takes as long."""
TARGETS = ("painter", "worker", "both")


class Life:
    """A painter's process and what it tells.

    Parameters
    ----------
    folder : Path
    seed : int
    story : Story
        Continued with what is told.
    """

    def __init__(self, folder: Path, seed: int, story: Story) -> None:
        self.story, self.worker, self.steps, self.ended = story, 0, 0, False
        self._told = threading.Condition()
        self._scratch = folder.with_name(f"{folder.name}-told")
        reading, writing = os.pipe()
        command = [sys.executable, "-m", "bench.faults.painter", folder, seed, writing]
        self.process = subprocess.Popen(
            [str(word) for word in command],
            pass_fds=(writing,),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        os.close(writing)
        self._listener = threading.Thread(target=self._listen, args=(os.fdopen(reading),))
        self._listener.start()

    def wait_for(self, strokes: int = 0, steps: int = 0, after: int = 0) -> None:
        """Wait until it has painted as much since now, and learned with a worker `after` that."""
        strokes += self.story.strokes

        def enough() -> bool:
            painted, learned = self.story.strokes >= strokes, self.steps >= steps
            return self.ended or (painted and learned and self.worker != after)

        with self._told:
            reached = self._told.wait_for(enough, PATIENCE)
        if not reached or self.ended:
            raise RuntimeError(f"the painter came to nothing: {self.words()}")

    def kill(self, target: str) -> None:
        """Kill one or both of its processes, in the middle of whatever they do."""
        if target in ("worker", "both"):
            with suppress(ProcessLookupError):
                os.kill(self.worker, signal.SIGKILL)
        if target in ("painter", "both"):
            self.process.kill()

    def finish(self) -> None:
        """Let it end in order."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self._listener.join(PATIENCE)
        if self.process.wait(PATIENCE):
            raise RuntimeError(f"the painter ended badly: {self.words()}")

    def bury(self) -> None:
        """Hear the last of it; whatever it started ends too."""
        children = _descendants(self.process.pid)
        self.process.kill()
        self.process.wait()
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        self._listener.join()

    def words(self) -> str:
        """What it said on its way out."""
        assert self.process.stderr is not None
        self.process.kill()
        return self.process.stderr.read().decode()[-2000:]

    def _listen(self, pipe: IO[str]) -> None:
        with pipe:
            for line in pipe:
                if not line.endswith("\n"):
                    break  # it died while it told this
                word, _, rest = line.strip().partition(" ")
                with self._told:
                    if word == "begin":
                        self.story.begin(self._edit(rest))
                    elif word == "finish":
                        self.story.finish()
                    elif word == "refuse":
                        self.story.refuse()
                    elif word == "worker":
                        self.worker, self.steps = int(rest), 0
                    elif word == "steps":
                        self.steps = int(rest)
                    self._told.notify_all()
        with self._told:
            self.ended = True
            self._told.notify_all()

    def _edit(self, record: str) -> Edit:
        self._scratch.write_bytes(MAGIC + base64.b64decode(record))
        found = read_journal(self._scratch, int(np.prod(SHAPE)))
        self._scratch.unlink()
        return found.records[0].edit


def kills(place: Path, count: int, seed: int = 0) -> Tally:
    """Kill `count` times, life after life on one project, and look each time what is there."""
    tally, rng, story = Tally("kill -9"), np.random.default_rng(seed), Story()
    for number in range(count):
        if number % LIVES == 0:
            story, folder = Story(), place / f"{number}.densify"
        target = TARGETS[number % len(TARGETS)]
        with tally.case(f"kill {number} of {target}, seed {seed}"):
            one_kill(folder, story, rng, target)
    return tally


def one_kill(folder: Path, story: Story, rng: np.random.Generator, target: str) -> None:
    """One life: paint, learn, kill, open, compare.

    Raises
    ------
    Lost or Wrong
    """
    life = Life(folder, int(rng.integers(2**31)), story)
    try:
        life.wait_for(strokes=1, steps=1)
        threading.Event().wait(float(rng.uniform(0, LONGEST)))
        life.kill(target)
        if target == "worker":
            life.wait_for(strokes=20)
            life.finish()
    finally:
        life.bury()
    look(folder, story)


def _descendants(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []
