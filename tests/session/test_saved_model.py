from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from numpy.typing import NDArray

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.reference import describe
from napari_densify.cases.volume import Volume
from napari_densify.session import learning
from napari_densify.session.link import Settings
from napari_densify.session.loop import run, save_model
from napari_densify.session.news import Load, Message, Model, News, Notice, Phase, Reset, Status
from napari_densify.session.session import Session
from napari_densify.session.worker import Worker
from tests.session.conftest import PLANES, Drive, block, complete, paint, resting

MakeDrive = Callable[[Session], Drive]


def learn(session: Session, truth: NDArray[np.uint8], go: Drive, steps: int = 1) -> None:
    """From one slice, for at least so many steps, until a model is kept."""
    paint(session, PLANES[0], truth)
    session.train()
    go(lambda: session.status.steps >= steps)
    session.pause()
    go(resting(session))
    go(lambda: session.orders.model is not None)


def test_forgetting_forgets_the_saved_model_too(
    phantom: Volume, truth: NDArray[np.uint8], tiny: Settings, tmp_path: Path, drive: MakeDrive
) -> None:
    folder = ProjectFolder(tmp_path / "a.densify", describe(phantom, None), [])
    session = Session(phantom, settings=tiny, project=folder)
    learn(session, truth, drive(session))
    assert folder.learned.read_model() == session.orders.model
    learning.forget(session)
    assert folder.learned.read_model() is None
    assert not list(save_model(session, Model(b"late", edits=1)))
    assert folder.learned.read_model() is None


class Starting:
    """A worker that does not get to do anything."""

    def deliver(self, message: Message) -> None:
        pass

    def turn(self) -> list[News]:
        return [Status(Phase.STARTING)]

    def close(self) -> None:
        pass


@pytest.mark.parametrize("ended", [True, False])
def test_the_model_that_a_project_began_with_is_kept_before_the_worker_is_up(
    phantom: Volume, tiny: Settings, tmp_path: Path, ended: bool
) -> None:
    model = safetensors.numpy.save({"weight": np.zeros(1, np.float32)})
    folder = ProjectFolder(tmp_path / "a.densify", describe(phantom, None), [])
    session = Session(phantom, (), tiny, lambda *_: Starting(), model, folder)
    loop = run(session)
    next(loop)
    session.paint(np.arange(3), 2)
    for _ in range(0 if ended else 3):
        next(loop)
    if ended:
        loop.close()
    assert folder.learned.read_model() == model
    if not ended:
        learning.forget(session)
        loop.close()
        assert folder.learned.read_model() is None, "it is forgotten, too"


def test_what_is_forgotten_after_a_model_was_loaded_takes_no_memory_any_more(
    phantom: Volume,
    truth: NDArray[np.uint8],
    tiny: Settings,
    session: Session,
    drive: MakeDrive,
) -> None:
    learn(session, truth, drive(session))
    assert session.orders.model is not None
    worker = Worker(phantom, [1, 2], tiny)
    worker.deliver(session.annotation.everything())
    worker.deliver(Load(session.orders.model))
    worker.turn()
    before = weakref.ref(worker._learner.case)
    gc.disable()  # it would find it much later: a case is few objects, and nearly all of the memory
    try:
        worker.deliver(Reset())
        worker.turn()
        assert before() is None
    finally:
        gc.enable()


@pytest.mark.usefixtures("impatient")
def test_a_reset_forgets_the_network_and_keeps_the_annotation(
    session: Session, drive: MakeDrive, truth: NDArray[np.uint8]
) -> None:
    paint(session, PLANES[0], truth)
    labels = session.annotation.labels.copy()
    session.train()
    go = drive(session)
    go(complete(session))
    go(lambda: session.status.steps > 0)
    session.pause()
    go(lambda: session.orders.model is not None)
    assert session.status.steps > 0
    learning.forget(session)
    assert session.orders.model is None
    np.testing.assert_array_equal(session.prediction, labels)
    session.take(Model(b"late"))
    session.take(block(2))
    session.take(Status(Phase.TRAINING, edits=1, complete=True))
    assert session.orders.model is None
    np.testing.assert_array_equal(session.prediction, labels)
    session.paint(np.arange(3), 2)
    assert session.annotation.round == 0, "what was shown is gone"
    go(lambda: session.status.steps == 0)
    session.train()
    go(complete(session))
    session.pause()
    go(lambda: session.orders.model is not None)


def test_a_reset_before_anything_is_painted_is_no_trouble(
    session: Session, drive: MakeDrive
) -> None:
    learning.forget(session)
    go = drive(session)
    go.turns(2)
    learning.forget(session)
    go.turns(2)
    assert session.status.phase == Phase.PAUSED


@pytest.mark.usefixtures("impatient")
def test_it_goes_on_from_a_saved_model(
    session: Session, drive: MakeDrive, truth: NDArray[np.uint8], phantom: Volume, tiny: Settings
) -> None:
    learn(session, truth, drive(session), steps=3)
    copy = Session(phantom, settings=tiny, model=session.orders.model)
    paint(copy, PLANES[0], truth)
    drive(copy)(lambda: copy.status.complete)
    assert copy.status.steps == session.status.steps
    free = session.annotation.labels == 0
    np.testing.assert_array_equal(copy.prediction[free], session.prediction[free])


def test_a_model_is_shown_before_anything_is_painted_though_it_is_to_train(
    session: Session, drive: MakeDrive, truth: NDArray[np.uint8], phantom: Volume, tiny: Settings
) -> None:
    learn(session, truth, drive(session))
    copy = Session(phantom, settings=tiny, model=session.orders.model)
    copy.train()
    drive(copy)(complete(copy))
    assert copy.status.phase == Phase.WAITING or copy.status.complete
    assert (copy.prediction > 0).all()
    edit = copy.paint(np.arange(5), 3)
    assert edit is not None
    assert edit.round_after == 1


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("widths", [(16, 32), ()], ids=["its own", "an older one's"])
def test_a_project_keeps_its_network_whatever_new_ones_have(
    widths: tuple[int, ...],
    phantom: Volume,
    truth: NDArray[np.uint8],
    tmp_path: Path,
    drive: MakeDrive,
) -> None:
    path, about = tmp_path / "a.densify", describe(phantom, None)
    folder = ProjectFolder(path, about, [])
    session = Session(phantom, settings=Settings("cpu", widths=widths), project=folder)
    learn(session, truth, drive(session))
    session.close()
    again = Session(phantom, settings=Settings("cpu"), project=ProjectFolder(path, about))
    assert again.orders.settings.widths == widths != Settings().widths
    news = drive(again)(lambda: again.status.steps == session.status.steps)
    assert not any(isinstance(item, Notice) for item in news)
