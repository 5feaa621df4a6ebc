"""A window without a window: paints strokes while a worker trains, and tells of each.

Run as ``python -m bench.faults.painter FOLDER SEED PIPE``. Writes lines to the file
descriptor PIPE: ``begin RECORD`` (base64) before a stroke is written, ``finish`` after that,
``worker PID`` and ``steps N``. Ends in order at the end of its standard input.
"""

from __future__ import annotations

import base64
import os
import queue
import sys
import threading
from pathlib import Path

import numpy as np

from bench.faults.stage import CLASSES, LABELS, Story, act, phantom, told
from napari_densify.cases import kept
from napari_densify.cases.edit import Edit
from napari_densify.cases.records import Record, encode
from napari_densify.cases.volume import Volume
from napari_densify.session import keeping
from napari_densify.session.link import Link, Settings
from napari_densify.session.loop import run
from napari_densify.session.news import News, Status
from napari_densify.session.process import WorkerProcess
from napari_densify.session.session import Session

PAUSE = 0.08
"""Seconds between strokes: many times what a hand can do."""


class Telling(Story):
    """A story that goes into a pipe."""

    def __init__(self, pipe: int) -> None:
        super().__init__()
        self._pipe = pipe

    def say(self, *words: object) -> None:
        os.write(self._pipe, (" ".join(map(str, words)) + "\n").encode())

    def begin(self, edit: Edit) -> None:
        self.say("begin", base64.b64encode(encode(Record(0, edit))).decode())

    def finish(self) -> None:
        self.say("finish")

    def refuse(self) -> None:
        self.say("refuse")


def hurry() -> None:
    """Write everything that is written at intervals as often as possible."""
    kept.FOLD_EDITS = 24
    keeping.SAVE_EVERY = 0.2
    keeping.SNAPSHOT_EVERY = 1.0


def main(place: str, seed: str, pipe: str) -> None:
    story = Telling(int(pipe))
    os.set_inheritable(int(pipe), False)  # the end of this process is the end of the pipe
    hurry()
    project, rng = told(Path(place), story), np.random.default_rng(int(seed))

    def open_worker(volume: Volume, classes: list[int], settings: Settings) -> Link:
        link = WorkerProcess(volume, classes, settings)
        story.say("worker", link.pid)
        return link

    session = Session(
        phantom(), LABELS, Settings(device="cpu", widths=(16, 32)), open_worker, project=project
    )
    news: queue.Queue[News | None] = queue.Queue()
    stopped = threading.Event()

    def loop() -> None:
        try:
            for item in run(session):
                news.put(item)
        finally:
            news.put(None)

    def listen() -> None:
        while os.read(0, 1024):
            pass
        stopped.set()

    session.train()
    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    threading.Thread(target=listen, daemon=True).start()
    strokes = steps = 0
    while True:
        try:
            item = news.get(timeout=PAUSE)
        except queue.Empty:
            item = Status(session.status.phase)
        else:
            if item is None:
                break
            session.take(item)
            if isinstance(item, Status) and item.steps != steps:
                steps = item.steps
                story.say("steps", steps)
        if stopped.is_set():
            session.stop()
            continue
        act(session, rng)
        strokes += 1
        if strokes % 30 == 0:
            project.describe(classes=CLASSES[: 1 + strokes // 30 % 3])
            # Resting makes the worker send its model home.
            session.train(not session.training)
        if strokes % 70 == 0:
            project.take_snapshot(f"after {strokes}")
    thread.join()
    story.say("ended")


if __name__ == "__main__":
    main(*sys.argv[1:])
