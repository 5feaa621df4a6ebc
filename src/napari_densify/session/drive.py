"""Keeps a worker busy: starts it, brings it up to date, and starts another one when it dies."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterable, Iterator

from napari_densify.session.link import Link, WorkerLost
from napari_densify.session.news import Lost, Message, News, Phase, Save, Status

ATTEMPTS = 3
"""Workers that may die one after the other without having done anything."""
RESTING = (Phase.WAITING, Phase.LEARNED, Phase.PAUSED)
"""Where there is nothing more to do for one."""

log = logging.getLogger(__name__)


class Drive:
    """The way to a worker that may change underneath.

    Parameters
    ----------
    open_worker : callable
        Starts a worker; what takes long of it is better done in its first turns.
    greet : callable
        The messages that bring a new worker up to date. Called with `lock` held.

    Attributes
    ----------
    lock : threading.RLock
        While it is held no worker is greeted: what must not come between the state that a new
        one is told of and the messages after that is done under it.
    link : Link or None
        The worker that is there now.
    """

    def __init__(
        self, open_worker: Callable[[], Link], greet: Callable[[], Iterable[Message]]
    ) -> None:
        self.lock = threading.RLock()
        self._open_worker, self._greet = open_worker, greet
        self.link: Link | None = None
        self._stopped = threading.Event()

    def post(self, message: Message) -> None:
        """Hand a message to the worker, if there is one, without waiting."""
        with self.lock:
            if self.link:
                self.link.deliver(message)

    def stop(self) -> None:
        """End `run` after the present turn, which is a short one while a worker starts."""
        self._stopped.set()

    def run(self) -> Generator[News | None]:
        """Start the worker and drive it until `stop`; blocks, so give it a thread.

        Yields
        ------
        News or None
            What the worker says; None after each of its turns.

        Raises
        ------
        WorkerLost
            If one worker after the other dies before it has learned anything.
        """
        in_vain, steps = 0, None
        link: Link | None = None
        try:
            while not self._stopped.is_set():
                try:
                    if link is None:
                        yield Status(Phase.STARTING)
                        link, steps = self._connect(), None
                    for news in link.turn():
                        if isinstance(news, Status):
                            steps = news.steps if steps is None else steps
                            if news.steps > steps or news.phase in RESTING:
                                in_vain = 0
                        yield news
                    yield None
                except WorkerLost as error:
                    self._disconnect()
                    link = None
                    if not threading.main_thread().is_alive():
                        return
                    in_vain += 1
                    if in_vain == ATTEMPTS:
                        raise
                    log.warning("%s", error)
                    yield Lost(str(error))
            if link is not None and steps is not None:  # else it has learned nothing yet
                yield from self._take_model_home(link)
        finally:
            self._disconnect()

    def _take_model_home(self, link: Link) -> Iterator[News]:
        """What was learned since the last model came."""
        if not threading.main_thread().is_alive():
            return
        try:
            link.deliver(Save())
            yield from link.turn()
        except WorkerLost as error:
            log.warning("%s", error)

    def _connect(self) -> Link:
        link = self._open_worker()
        with self.lock:
            self.link = link  # before it is greeted: should that fail, it is let go of
            for message in self._greet():
                link.deliver(message)
        return link

    def _disconnect(self) -> None:
        with self.lock:
            link, self.link = self.link, None
        if link:
            link.close()
