"""What does the work: a learner and its schedule, one piece of work at a time.

The same `Worker` is called directly in this process, or lives in another one (`process.py`).
Only `Worker` imports torch, and only when it starts.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.edit import Edit
from napari_densify.cases.problem import Problem
from napari_densify.cases.volume import Triple, Volume
from napari_densify.session.folding import fold, present
from napari_densify.session.link import Settings
from napari_densify.session.news import (
    Block,
    Fold,
    Load,
    Look,
    Message,
    Model,
    News,
    Notice,
    OtherCase,
    Phase,
    Reset,
    Save,
    Status,
    Strength,
    Train,
)
from napari_densify.session.schedule import Guess, Learn, Predict, Schedule

SAVE_EVERY = 15.0
"""Seconds of training between models sent home."""
IDLE = 0.02
"""Seconds a turn lasts when there is nothing to do."""


class Worker:
    """A learner and its schedule; does one piece of work at a time.

    Parameters
    ----------
    volume : Volume
    classes : list of ints
    settings : Settings
    """

    def __init__(self, volume: Volume, classes: list[int], settings: Settings) -> None:
        self._volume, self._classes, self._settings = volume, list(classes), settings
        self._inbox: deque[Message] = deque()
        self._schedule = Schedule(volume.shape, volume.spacing)
        self._edits = 0
        self._started = float("nan")
        self._first_prediction = float("nan")
        self._saved_at = 0.0
        self._asked_for_model = False
        self._wanted = False
        self._others: list[OtherCase] = []
        self._folded: dict[int, int] = {}
        self._learner = self._new_learner()

    def deliver(self, message: Message) -> None:
        """Queue a message; it is in force from the next training step on."""
        self._inbox.append(message)

    def turn(self) -> list[News]:
        """One piece of work: a slice of training or one predicted block."""
        news = self._read_inbox()
        if self._asked_for_model:
            self._asked_for_model = False
            return [*news, *self._save(), self._status(None)]
        # Before there are two classes to tell apart a loaded model is shown all the same.
        self._schedule.ready = self._learner.ready
        self._schedule.training = self._wanted and self._learner.ready and not self._learned
        task = self._schedule.next()
        if isinstance(task, Learn):
            news += self._learn(task)
        elif isinstance(task, Guess):
            self._guess(task)
        elif isinstance(task, Predict):
            news.append(self._predict(task))
        elif self._to_save:
            news += self._save()
        else:
            time.sleep(IDLE)
        return [*news, self._status(task)]

    def labels(self) -> NDArray[np.uint8]:
        """The annotation's labels as the learner has them."""
        labels: NDArray[np.uint8] = self._learner.annotation.labels
        return labels

    def close(self) -> None:
        """Nothing to let go of in this process."""

    def _new_learner(self) -> Any:
        # Read when torch is first imported. Threads that spin while they wait for each other keep
        # the cores from the window and from one another: 20 times slower steps on busy cores.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        from napari_densify.learn.learner import Learner
        from napari_densify.learn.unet import levels_of

        s = self._settings
        return Learner(
            self._volume.channels,
            self._size_of(self._volume),
            [label for label in self._classes if label not in self._folded],
            device=s.device,
            strength=s.strength,
            seed=s.seed,
            levels=levels_of(s.widths),
            wanted=s.voxels.spacing if s.voxels else (),
        )

    def _read_inbox(self) -> list[News]:
        news: list[News] = []
        while self._inbox:
            message = self._inbox.popleft()
            if isinstance(message, Edit):
                self._learner.apply(message)
                shape = self._volume.shape
                self._schedule.edited(message.box(shape) if message.where.size else None)
                self._edits += 1
                painted = self._folded.keys() & set(self._learner.annotation.classes)
                self._refold({k: v for k, v in self._folded.items() if k not in painted})
            elif isinstance(message, Fold):
                self._refold({**self._folded, message.label: message.into})
                if message.into:  # perhaps new, and painted in no case
                    self._learner.meet([message.into])
                self._schedule.edited(None)
                self._edits += 1
            elif isinstance(message, Look):
                self._schedule.look(message.plane)
            elif isinstance(message, Train):
                self._wanted = message.on
            elif isinstance(message, Strength):
                self._settings = replace(self._settings, strength=message.value)
                self._learner.set_strength(message.value)
            elif isinstance(message, Load):
                news += self._load(message)
            elif isinstance(message, OtherCase):
                self._others.append(message)
                self._folded |= message.folded
                self._replay(message)
            elif isinstance(message, Save):
                self._asked_for_model = self._learner.begun
            elif isinstance(message, Reset):
                self._begin_anew()
                self._schedule.forget()
                self._saved_at = 0.0
                self._edits += 1
        return news

    def _replay(self, case: OtherCase) -> None:
        spacing, painted = self._size_of(case.volume), present(case.painted, self._folded)
        self._learner.replay(case.volume.channels, spacing, painted)

    def _refold(self, folded: dict[int, int]) -> None:
        """Other classes are told apart: what is painted in the other cases is in these, too."""
        if folded != self._folded:
            self._folded = folded
            self._learner.repaint([present(case.painted, folded) for case in self._others])

    def _size_of(self, volume: Volume) -> Triple:
        """Of a volume's voxels, as the network is to take it."""
        wanted = self._settings.voxels or self._volume.voxels
        return volume.voxels.beside(wanted, volume.name).spacing

    def _begin_anew(self) -> None:
        """A learner that knows what is annotated, and nothing else."""
        annotation = self._learner.annotation.everything()
        self._learner = self._new_learner()
        for case in self._others:
            self._replay(case)
        if annotation.where.size:
            self._learner.apply(annotation)

    def _load(self, message: Load) -> list[News]:
        from napari_densify.learn.weights import unpack

        try:
            unpack(message.model, self._learner)
        except Problem as problem:
            # Half of it may have been taken over.
            self._begin_anew()
            return [Notice(f"{problem} Learning begins anew.")]
        self._schedule.resume(self._learner.seconds, elsewhere=bool(self._others))
        self._saved_at = self._schedule.trained
        return []

    def _guess(self, task: Guess) -> None:
        start = time.perf_counter()
        if np.isnan(self._started):
            self._started = start
        end = start + task.seconds
        stage = self._learner.guess_anew(
            interrupt=lambda: bool(self._inbox) or time.perf_counter() >= end
        )
        seconds = time.perf_counter() - start
        self._schedule.guessed(seconds, shown=stage == "shown", done=stage == "done")
        if not self._schedule.training:
            self._saved_at += seconds  # made again at each opening, not worth a file

    def _learn(self, task: Learn) -> list[News]:
        start = time.perf_counter()
        self._learner.advance(task.seconds, interrupt=lambda: bool(self._inbox))
        self._schedule.learned(time.perf_counter() - start)
        saved_for = self._schedule.trained - self._saved_at
        return self._save() if saved_for >= SAVE_EVERY else []

    def _save(self) -> list[News]:
        from napari_densify.learn.weights import pack

        self._saved_at = self._schedule.trained
        return [Model(pack(self._learner), self._edits)]

    def _predict(self, task: Predict) -> Block:
        from napari_densify.learn.uncertainty import uncertainty

        start = time.perf_counter()
        learner = self._learner
        answer = learner.predict(task.box, guess_only=task.guess_only)
        probability = fold(answer, learner.classes, self._folded)
        labels = np.array(learner.classes, np.uint8)[probability.argmax(0)]
        doubt = uncertainty(probability)
        now = time.perf_counter()
        if np.isnan(self._first_prediction):
            self._first_prediction = now - self._started
        self._schedule.predicted(task, now - start, float(doubt.mean()) / 255)
        return Block(task.box, labels, doubt)

    @property
    def _to_save(self) -> bool:
        """Whether it rests, and what it has learned last is not saved."""
        unsaved = self._saved_at < self._schedule.trained
        return unsaved and not self._schedule.training and self._learner.begun

    @property
    def _learned(self) -> bool:
        """Whether the guess knows all that is annotated, and the network has learned it."""
        return self._learner.learned and self._schedule.guess_is_new

    def _status(self, task: Learn | Guess | Predict | None) -> Status:
        import torch

        if isinstance(task, Predict):
            phase = Phase.PREDICTING
        elif not self._wanted:
            phase = Phase.PAUSED
        elif not self._learner.ready:
            phase = Phase.WAITING
        else:
            phase = Phase.LEARNED if self._learned else Phase.TRAINING
        done = self._schedule.done
        return Status(
            phase=phase,
            device=str(self._learner.device),
            threads=torch.get_num_threads(),
            steps=self._learner.steps,
            loss=self._learner.loss,
            train_seconds=self._schedule.trained,
            first_prediction_seconds=self._first_prediction,
            edits=self._edits,
            complete=done == 1.0,
            done=done,
            memory_mb=peak_memory_mb(),
        )


def peak_memory_mb() -> float:
    """Most memory this process ever held, in MB; 0 where the system does not tell."""
    if sys.platform == "win32":
        return 0.0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
