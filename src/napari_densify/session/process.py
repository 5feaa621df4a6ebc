"""A worker in a process of its own, on this machine or another: a `dask.distributed` actor."""

from __future__ import annotations

import itertools
import logging
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from napari_densify.cases.volume import Volume
from napari_densify.session.link import Settings, WorkerLost
from napari_densify.session.news import Message, News
from napari_densify.session.worker import Worker

PATIENCE = 120.0
"""Seconds a worker process has to come up."""
LOOK_UP = 1.0
"""Seconds after which a waiting turn sees whether worker and program are still there."""
SILENCE = 60.0
"""Seconds without a heartbeat after which a worker counts as lost: one that hangs where memory ran
out lives on, and nobody would notice that nothing is learned any more."""
NICE = 19
"""Niceness of a process that learns: the canvas goes before it when both want the same cores. 95th
percentile of the window's stalls on 512³ voxels 0.036 s, with 10 0.044 s, in three views at once
0.046 and 0.052 s."""
GRACE = 5.0
"""Seconds a worker process has to end by itself."""


class WorkerActor(Worker):
    """A `Worker` in a dask worker's process."""

    def __init__(self, volume: Volume, classes: list[int], settings: Settings) -> None:
        super().__init__(volume, classes, settings)
        give_way()
        self._early: dict[int, Message] = {}
        self._awaited = 0

    async def post(self, number: int, message: Message) -> None:
        """`deliver`, on the event loop: it gets through while a turn is running.

        Messages are numbered from 0 because dask does not keep the order of calls.
        """
        self._early[number] = message
        while self._awaited in self._early:
            self.deliver(self._early.pop(self._awaited))
            self._awaited += 1


def give_way() -> None:
    """Let this process go after others, all of it.

    To be called once everything is imported: on a busy machine that would take a minute.
    """
    process = psutil.Process()
    if sys.platform == "win32":
        process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        return
    # On Linux niceness is each thread's own, and new ones are heirs.
    linux = sys.platform == "linux"
    for number in [thread.id for thread in process.threads()] if linux else [process.pid]:
        with suppress(ProcessLookupError):
            before = os.getpriority(os.PRIO_PROCESS, number)
            os.setpriority(os.PRIO_PROCESS, number, max(NICE, before))


class WorkerProcess:
    """A worker in a process of its own on this machine, or on a dask cluster elsewhere.

    It comes up in its first turns, which say nothing: so whoever drives it need not wait for it.

    Parameters
    ----------
    volume, classes, settings
        See `Worker`.
    address : str, optional
        Of a dask scheduler; None starts a process here.
    """

    def __init__(
        self,
        volume: Volume,
        classes: list[int],
        settings: Settings,
        address: str | None = None,
    ) -> None:
        self._told = (volume, classes, settings)
        self._cluster: Any = None
        self._client: Any = None
        self._process: subprocess.Popen[bytes] | None = None
        self._making: Any = None
        self._actor: Any = None
        self._post: Callable[[int, Message], Any] | None = None
        self._numbers = itertools.count()
        self._posted: deque[Any] = deque()
        self._early: list[Message] = []
        self._lock = threading.Lock()
        try:
            self._start(address)
        except BaseException:
            self.close()  # or its process would live as long as this one
            raise
        self._started_at = time.monotonic()

    def _start(self, address: str | None) -> None:
        from distributed import Client, LocalCluster
        from distributed.gc import disable_gc_diagnosis

        if address is None:
            self._cluster = LocalCluster(
                n_workers=0,
                processes=True,
                dashboard_address=":0",
                silence_logs=logging.CRITICAL,
                scheduler_kwargs={"worker_ttl": SILENCE},
            )
            # What goes on on the way out when a connection closes first is nobody's concern.
            for part in ("batched", "comm", "core"):
                logging.getLogger(f"distributed.{part}").setLevel(logging.CRITICAL)
            # Its callback on garbage collection is not safe with several threads.
            disable_gc_diagnosis()
            address = self._cluster.scheduler_address
            self._process = _start_process(address)
        self._client = Client(address, set_as_default=False)

    @property
    def pid(self) -> int:
        """Process id of the worker; waits for its process."""
        self._client.wait_for_workers(1, timeout=PATIENCE)
        return int(next(iter(self._client.run(os.getpid).values())))

    def deliver(self, message: Message) -> None:
        """Hand a message over without waiting; it is there before the next turn begins."""
        with self._lock:
            if self._post is None:
                self._early.append(message)
            else:
                self._posted.append(self._post(next(self._numbers), message))

    def turn(self) -> list[News]:
        """One piece of work over there; none while it is not up yet.

        Raises
        ------
        WorkerLost
            If its process died, or failed in what it did, as where memory runs out.
        Exception
            Whatever the worker could not begin with: another one could not either.
        """
        if self._post is None and not self._come_up():
            return []
        try:
            # A turn could overtake them: dask does not keep the order of calls.
            while self._posted:
                self._answer(self._posted.popleft())
            news: list[News] = self._answer(self._actor.turn())
        except WorkerLost:
            raise
        except OSError as error:
            raise WorkerLost(str(error)) from error
        except Exception as error:  # whatever it was, a new one may do better
            raise WorkerLost(f"{type(error).__name__}: {error}") from error
        return news

    def _come_up(self) -> bool:
        """Wait a little; whether the worker is there now."""
        from distributed import CancelledError, KilledWorker

        try:
            if self._making is None:
                self._client.wait_for_workers(1, timeout=LOOK_UP)
                volume, *rest = self._told
                remote = self._client.scatter(volume, hash=False)
                self._making = self._client.submit(
                    WorkerActor, remote, *rest, actor=True, pure=False
                )
            failure = self._making.exception(timeout=LOOK_UP)
            if failure is None:
                self._meet()
        except TimeoutError as error:
            self._look_up(error)
            return False
        except CancelledError as error:  # what was sent to a process is lost with it
            raise WorkerLost("it ended while it started") from error
        except Exception as error:
            raise WorkerLost(f"{type(error).__name__}: {error}") from error
        if isinstance(failure, KilledWorker):
            raise WorkerLost("it ended while it started") from failure
        if failure is not None:
            raise failure
        return True

    def _meet(self) -> None:
        """Hand over what was to be told before it was up."""
        # An actor belongs to the client that is current when it arrives. That client also computes
        # all dask arrays then, napari's image layers too: so only for a moment, once it is made.
        with self._client.as_current(), self._lock:
            self._actor = self._making.result()
            self._post = self._actor.post
            for message in self._early:
                self._posted.append(self._post(next(self._numbers), message))
            self._early.clear()

    def _look_up(self, error: TimeoutError) -> None:
        """See whether it is of use to wait on for a worker that is not up yet."""
        if self._process is not None and self._process.poll() is not None:
            raise WorkerLost("it ended while it started") from error
        if self._making is None:
            if time.monotonic() - self._started_at > PATIENCE:
                raise WorkerLost(f"it did not start within {PATIENCE:.0f} s") from error
        elif self._cluster is not None and not self._cluster.scheduler.workers:
            raise WorkerLost("it ended while it started") from error
        if not threading.main_thread().is_alive():
            raise WorkerLost("the program is ending") from error

    def _answer(self, pending: Any) -> Any:
        """What comes of a call over there."""
        while True:
            try:
                return pending.result(timeout=LOOK_UP)
            except TimeoutError as error:
                if self._cluster is not None and not self._cluster.scheduler.workers:
                    raise WorkerLost("it does not answer any more") from error
                # Large answers need Python's thread pools, which end with the main thread.
                if not pending.done() and not threading.main_thread().is_alive():
                    raise WorkerLost("the program is ending") from error

    def labels(self) -> NDArray[np.uint8]:
        """The annotation's labels as the worker has them; waits for the present turn."""
        labels: NDArray[np.uint8] = self._actor.labels().result()
        return labels

    def close(self) -> None:
        """Stop the process."""
        if self._client is not None:
            self._client.close()
        if self._cluster is not None:
            self._cluster.close()
        if self._process is not None:
            if self._post is None:
                self._process.kill()  # it has nothing to end, and would look for its scheduler
            try:
                self._process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def _start_process(scheduler: str) -> subprocess.Popen[bytes]:
    """A dask worker in a process that does not import the caller's main script.

    `multiprocessing` would run a user's unguarded script a second time in the worker. Without a
    nanny the process ends by itself when this one is gone, however it went.
    """
    command = [sys.executable, "-m", "dask", "worker", scheduler, "--no-nanny", "--no-dashboard"]
    options = ["--nthreads", "1", "--death-timeout", "60"]
    # dask must not pause the worker behind our back when it takes memory.
    options += ["--memory-limit", "0"]
    quiet = {"DASK_LOGGING__DISTRIBUTED": "critical"}
    return subprocess.Popen(
        command + options, env={**os.environ, **quiet}, stdin=subprocess.DEVNULL
    )
