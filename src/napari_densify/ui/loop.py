"""The thread that drives a session while the window stays free."""

from __future__ import annotations

import threading

from qtpy.QtCore import QObject, Signal

from napari_densify.session.session import Session


class LoopThread(QObject):
    """Runs `session.run` in a thread of its own and hands its news to the window's thread.

    A thread of its own rather than one of napari's pool: it lives as long as the session, and the
    pool has only as many threads as the machine has cores. Python waits for it at exit, so the
    worker process is always let go of.

    Parameters
    ----------
    session : Session
    """

    arrived = Signal(object)
    failed = Signal(str)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.arrived.connect(session.take)
        self._thread = threading.Thread(target=self._run, name="densify-loop")

    def start(self) -> None:
        """Begin; the first news arrives at once, the first step when the worker is up."""
        self._thread.start()

    def stop(self) -> None:
        """End after the present turn, without waiting; nothing arrives any more."""
        self.session.stop()
        self.blockSignals(True)

    def wait(self, seconds: float) -> bool:
        """Wait for the end; whether it came in time."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            for news in self.session.run():
                self.arrived.emit(news)
        except Exception as error:  # noqa: BLE001 - whatever it is, the window must say it
            self.failed.emit(f"{type(error).__name__}: {error}")
