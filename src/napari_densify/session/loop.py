"""What the loop's thread does: it drives the worker and writes down what is due."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing

from napari_densify.session.news import Model, News, Notice, Phase, Status
from napari_densify.session.session import Session


def run(session: Session) -> Generator[News]:
    """Start a session's worker and drive it until `Session.stop`; blocks, so give it a thread.

    Yields
    ------
    News
        To be handed to `Session.take` on the owner's thread.

    Raises
    ------
    WorkerLost
        If one worker after the other dies before it has done anything.
    """
    with closing(session.drive.run()) as drive, closing(session):
        for news in drive:
            if news is None:
                yield from session.keeping.tick()
                continue
            if isinstance(news, Model):
                yield from save_model(session, news)
            yield news
    yield Status(Phase.STOPPED)


def save_model(session: Session, model: Model) -> Iterator[Notice]:
    """Save a model, without holding up the owner's side; unless it is from before a reset."""
    if not session.orders.stale(model.edits):
        yield from session.keeping.save_model(model)
        if session.orders.stale(model.edits):
            yield from session.keeping.forget()
