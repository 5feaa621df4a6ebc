"""The thread that drives a session while the window stays free."""

from __future__ import annotations

import queue
import threading
from weakref import WeakSet

from qtpy.QtWidgets import QApplication

from napari_densify.session.loop import run
from napari_densify.session.news import News
from napari_densify.session.session import Session

PATIENCE = 30.0
"""Seconds that the program waits at its end for what was learned to be written."""

_started: WeakSet[LoopThread] = WeakSet()


class LoopThread:
    """Runs a session in a thread of its own; `drain` brings its news to the window's thread.

    A thread of its own rather than one of napari's pool: it lives as long as the session, and the
    pool has only as many threads as the machine has cores. The program waits for it when the last
    window is closed, so what was learned is written and the worker process is let go of. It holds
    no Qt object, so none can die in it.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._news: queue.SimpleQueue[News | Exception] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="densify-loop")

    @property
    def started(self) -> bool:
        """Whether it was ever started; then it lets go of the session's project by itself."""
        return self._thread.ident is not None

    def start(self) -> None:
        """Begin; the first news arrives at once, the first step when the worker is up."""
        app = QApplication.instance()
        if app is not None and not _started:
            app.aboutToQuit.connect(finish)
        _started.add(self)
        self._thread.start()

    def stop(self) -> None:
        """End after the present turn, without waiting."""
        self.session.stop()

    def wait(self, seconds: float) -> bool:
        """Wait for the end; whether it came in time."""
        if self.started:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def drain(self) -> None:
        """Hand what has arrived to the session; to be called on the session's thread.

        Raises
        ------
        Exception
            Whatever ended the thread.
        """
        while not self._news.empty():
            news = self._news.get()
            if isinstance(news, Exception):
                raise news
            self.session.take(news)

    def _run(self) -> None:
        try:
            for news in run(self.session):
                self._news.put(news)
        except Exception as error:  # noqa: BLE001 - whatever it is, the window must say it
            self._news.put(error)


def finish() -> None:
    """End all loops and wait for them: later, Python has no threads to write files with."""
    for loop in list(_started):
        loop.stop()
    for loop in list(_started):
        loop.wait(PATIENCE)
