"""The worker in a process of its own: it learns, it dies, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
from distributed import LocalCluster
from numpy.typing import NDArray

from napari_densify.cases.problem import Problem
from napari_densify.cases.volume import Volume
from napari_densify.session import process
from napari_densify.session.drive import ATTEMPTS
from napari_densify.session.link import Settings, WorkerLost
from napari_densify.session.loop import run
from napari_densify.session.news import Lost, Message, Phase
from napari_densify.session.process import WorkerActor, WorkerProcess
from napari_densify.session.session import Session

from .conftest import PLANES, Drive, paint

MakeDrive = Callable[[Session], Drive]


def workers() -> list[psutil.Process]:
    """The dask worker processes of this one."""
    children = psutil.Process().children(recursive=True)
    return [p for p in children if "worker" in p.cmdline() and p.status() != "zombie"]


@pytest.fixture
def session(phantom: Volume, tiny: Settings) -> Session:
    return Session(phantom, settings=tiny, open_worker=WorkerProcess)


@pytest.fixture
def learning(session: Session, drive: MakeDrive, truth: NDArray[np.uint8]) -> Drive:
    """Drives the session, which has learned a few steps from a slice."""
    go = drive(session)
    paint(session, PLANES[0], truth)
    session.train()
    go(lambda: session.status.steps > 2)
    return go


def test_it_learns_in_another_process_and_ends_with_the_session(
    session: Session, learning: Drive
) -> None:
    assert session.drive.link is not None
    assert session.drive.link.pid != os.getpid()
    assert len(workers()) == 1
    learning.end()
    assert session.status.phase == Phase.STOPPED
    assert not workers()


def test_one_that_cannot_learn_says_why_and_leaves_no_process_behind(
    phantom: Volume, tiny: Settings
) -> None:
    elsewhere = replace(tiny, device="nowhere")
    session = Session(phantom, settings=elsewhere, open_worker=WorkerProcess)
    with pytest.raises(Problem, match="no device"):
        list(run(session))
    assert not workers()


def test_processes_that_die_before_they_are_up_are_not_replaced_for_ever(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def start(scheduler: str) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"]))
        return started[-1]

    monkeypatch.setattr(process, "_start_process", start)
    with pytest.raises(WorkerLost, match="while it started"):
        list(run(session))
    assert len(started) == ATTEMPTS


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is killed by a signal there")
def test_one_that_is_killed_while_it_starts_is_replaced(
    session: Session,
    drive: MakeDrive,
    truth: NDArray[np.uint8],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    once = tmp_path / "killed"

    class Killed(WorkerActor):
        def __init__(self, volume: Volume, classes: list[int], settings: Settings) -> None:
            if not once.exists():
                once.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            super().__init__(volume, classes, settings)

    monkeypatch.setattr(process, "WorkerActor", Killed)
    go = drive(session)
    paint(session, PLANES[0], truth)
    session.train()
    news = go(lambda: session.status.steps > 2)
    assert sum(isinstance(item, Lost) for item in news) == 1
    assert len(workers()) == 1


def test_a_session_that_is_stopped_does_not_wait_for_a_process_to_come_up(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    waited_for = threading.Event()

    def start(scheduler: str) -> subprocess.Popen[bytes]:
        never_up = [sys.executable, "-c", "import time; time.sleep(1000)"]
        started.append(subprocess.Popen(never_up))
        waited_for.set()
        return started[-1]

    monkeypatch.setattr(process, "_start_process", start)
    with ThreadPoolExecutor() as threads:
        ended = threads.submit(list, run(session))
        waited_for.wait()
        session.stop()
        ended.result()
    assert started[0].poll() is not None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere niceness is not each thread's own")
def test_every_thread_of_it_gives_way_to_the_window(session: Session, learning: Drive) -> None:
    (worker,) = workers()
    nice = [os.getpriority(os.PRIO_PROCESS, thread.id) for thread in worker.threads()]
    assert min(nice) >= process.NICE


def test_edits_arrive_in_order_while_it_trains(session: Session, learning: Drive) -> None:
    where = np.arange(200)
    for i in range(60):
        session.paint(where, 2 + i % 2)
    learning(lambda: session.status.edits == session.orders.given)
    assert session.drive.link is not None
    np.testing.assert_array_equal(session.drive.link.labels(), session.annotation.labels)


def test_what_was_learned_comes_home_although_messages_take_long(
    phantom: Volume,
    tiny: Settings,
    truth: NDArray[np.uint8],
    drive: MakeDrive,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    post = WorkerActor.post

    async def slowly(self: WorkerActor, number: int, message: Message) -> None:
        await asyncio.sleep(0.3)
        await post(self, number, message)

    monkeypatch.setattr(WorkerActor, "post", slowly)
    with LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster:
        here = partial(WorkerProcess, address=cluster.scheduler_address)
        session = Session(phantom, settings=tiny, open_worker=here)
        go = drive(session)
        paint(session, PLANES[0], truth)
        session.train()
        go(lambda: session.status.steps > 2)
        assert session.orders.model is None
        go.end()
        assert session.orders.model is not None


def test_a_killed_worker_costs_no_edit(
    session: Session, drive: MakeDrive, truth: NDArray[np.uint8]
) -> None:
    go = drive(session)
    for plane in PLANES[:2]:
        paint(session, plane, truth)
    session.train()
    go(lambda: session.status.steps > 5)
    assert session.drive.link is not None
    first = session.drive.link.pid
    os.kill(first, signal.SIGKILL)
    paint(session, PLANES[2], truth)  # while nobody knows yet
    news = go(lambda: session.status.phase == Phase.STARTING)
    assert any(isinstance(item, Lost) for item in news)
    session.paint(np.arange(30), 1)  # while there is no worker
    before = session.annotation.marks.copy()
    go(lambda: session.status.steps > 0 and session.status.phase == Phase.TRAINING)
    assert session.drive.link.pid != first
    np.testing.assert_array_equal(session.annotation.marks, before)
    theirs = session.drive.link.labels()
    np.testing.assert_array_equal(theirs, session.annotation.labels)
    go.end()
    assert not workers()


def test_a_worker_that_hangs_is_noticed_and_replaced(
    session: Session,
    drive: MakeDrive,
    truth: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "SILENCE", 2.0)
    go = drive(session)
    paint(session, PLANES[0], truth)
    session.train()
    go(lambda: session.status.steps > 2)
    assert session.drive.link is not None
    first = session.drive.link.pid
    os.kill(first, signal.SIGSTOP)
    news = go(lambda: session.status.phase == Phase.STARTING)
    assert any(isinstance(item, Lost) for item in news)
    go(lambda: session.status.phase == Phase.TRAINING)
    assert session.drive.link.pid != first
    assert not psutil.pid_exists(first)


def test_the_worker_ends_when_its_owner_is_killed() -> None:
    script = (
        "import numpy as np, time\n"
        "from napari_densify.cases.volume import Volume\n"
        "from napari_densify.session.process import WorkerActor, WorkerProcess\n"
        "from napari_densify.session.link import Settings\n"
        "volume = Volume(np.random.default_rng(0).random((16, 16, 16)))\n"
        "worker = WorkerProcess(volume, [1, 2], Settings(widths=(16, 32)))\n"
        "print(worker.pid, flush=True)\n"
        "time.sleep(1000)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        orphan = psutil.Process(int(owner.stdout.readline()))
        owner.kill()
    orphan.wait(timeout=90)


def test_this_side_never_imports_torch() -> None:
    script = (
        "import sys, numpy as np\n"
        "from napari_densify.cases.volume import Volume\n"
        "from napari_densify.session.loop import run\n"
        "from napari_densify.session.session import Session\n"
        "from napari_densify.session.process import WorkerActor, WorkerProcess\n"
        "from napari_densify.session.link import Settings\n"
        "volume = Volume(np.random.default_rng(0).random((16, 16, 16)))\n"
        "s = Session(volume, settings=Settings(widths=(16, 32)), open_worker=WorkerProcess)\n"
        "s.paint(np.arange(400), 1)\n"
        "s.paint(np.arange(800, 1200), 2)\n"
        "s.train()\n"
        "for news in run(s):\n"
        "    s.take(news)\n"
        "    if s.status.steps > 2:\n"
        "        s.stop()\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
