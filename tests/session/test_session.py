from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.plane import Plane
from napari_densify.cases.reference import describe
from napari_densify.cases.volume import Volume
from napari_densify.learn import trainer
from napari_densify.session import learning, slices
from napari_densify.session.drive import ATTEMPTS
from napari_densify.session.link import Settings, WorkerLost
from napari_densify.session.loop import run
from napari_densify.session.news import Block, Message, News, Phase, Status, Strength
from napari_densify.session.score import dice
from napari_densify.session.session import Session
from napari_densify.session.worker import Worker
from tests.session.conftest import PLANES, Drive, complete, paint, resting

MakeDrive = Callable[[Session], Drive]


def test_three_slices_become_a_dense_segmentation(
    session: Session, drive: MakeDrive, truth: NDArray[np.uint8]
) -> None:
    for plane in PLANES:
        paint(session, plane, truth)
    session.train()
    go = drive(session)
    go(lambda: session.status.steps >= 90)
    session.pause()
    go(resting(session))
    free = session.annotation.labels == 0
    assert min(dice(session.prediction, truth + 1, [2, 3], free).values()) > 0.6
    np.testing.assert_array_equal(session.prediction[~free], session.annotation.labels[~free])
    assert session.status.train_seconds > 0
    assert session.status.first_prediction_seconds > 0
    go(lambda: session.orders.model is not None)


@pytest.mark.usefixtures("impatient")
def test_a_round_begins_with_painting_after_a_complete_prediction(
    session: Session, drive: MakeDrive, truth: NDArray[np.uint8]
) -> None:
    rounds: list[int] = []
    session.round_changed.connect(rounds.append)
    go = drive(session)
    for plane in PLANES:
        paint(session, plane, truth)
    session.train()
    go(lambda: session.status.train_seconds > 0)
    session.paint(np.arange(3), 1)
    assert session.annotation.round == 0
    go(complete(session))
    session.paint(np.arange(10, 20), 2)
    assert session.annotation.round == 1
    session.paint(np.arange(30, 40), 2)
    assert session.annotation.round == 1
    go(complete(session))
    session.pause()
    go(resting(session))
    session.paint(np.arange(50, 60), 2)
    assert session.annotation.round == 2
    go.turns(20)
    session.paint(np.arange(60, 70), 2)
    assert session.annotation.round == 2, "no newer prediction was shown"
    session.train()
    go(complete(session))
    slices.accept(session, Plane(0, 3))
    session.paint(np.arange(70, 80), 2)
    assert session.annotation.round == 3, "what was accepted is no correction"
    assert rounds == [1, 2, 3]
    assert list(session.annotation.marks["round"].ravel()[[0, 10, 60]]) == [0, 1, 2]


class Stillborn:
    """A worker that dies in its first turn."""

    made = 0

    def __init__(self, *about: object) -> None:
        Stillborn.made += 1

    def deliver(self, message: object) -> None:
        """Nobody reads it."""

    def turn(self) -> list[News]:
        raise WorkerLost("gone")

    def close(self) -> None:
        """Nothing to let go of."""


def test_workers_that_die_at_once_are_not_replaced_for_ever(phantom: Volume) -> None:
    session = Session(phantom, open_worker=Stillborn)
    with pytest.raises(WorkerLost):
        list(run(session))
    assert Stillborn.made == ATTEMPTS


class Sleeper(Stillborn):
    """A worker that has nothing to do, and dies after a while."""

    made = 0

    def __init__(self, *about: object) -> None:
        Sleeper.made += 1
        self._statuses = [Status(Phase.LEARNED, steps=5)] * 2

    def turn(self) -> list[News]:
        return [self._statuses.pop()] if self._statuses else super().turn()


def test_a_session_that_rests_outlives_any_number_of_workers(phantom: Volume) -> None:
    session = Session(phantom, open_worker=Sleeper)
    for _ in run(session):
        if Sleeper.made > 2 * ATTEMPTS:
            session.stop()
    assert Sleeper.made > 2 * ATTEMPTS


def test_an_update_that_is_asked_for_while_the_worker_starts_lasts_as_long_as_any(
    session: Session,
) -> None:
    learning.train_once(session, 10)
    session.take(Status(Phase.STARTING))
    for seconds, steps in ((300, 50), (305, 50), (309, 80)):  # of a project that has learned before
        session.take(Status(Phase.TRAINING, train_seconds=seconds, steps=steps))
        assert session.training
    session.take(Status(Phase.TRAINING, train_seconds=311, steps=90))
    assert not session.training


def test_an_update_after_forgetting_lasts_no_longer_than_any(session: Session) -> None:
    session.take(Status(Phase.PAUSED, train_seconds=300, steps=50))
    learning.forget(session)
    learning.train_once(session, 10)
    session.take(Status(Phase.TRAINING, train_seconds=301, steps=51))  # has not heard of it yet
    told = session.orders.given
    session.take(Status(Phase.TRAINING, train_seconds=1, steps=0, edits=told))
    assert session.training
    session.take(Status(Phase.TRAINING, train_seconds=12, steps=9, edits=told))
    assert not session.training


def test_nothing_of_what_was_forgotten_comes_back_to_the_curve(
    phantom: Volume, tmp_path: Path
) -> None:
    project = ProjectFolder(tmp_path / "a.densify", describe(phantom, None, "x"))
    session = Session(phantom, project=project)
    session.paint(np.arange(9), 2)
    learning.forget(session)
    session.take(Status(Phase.TRAINING, train_seconds=300, steps=50, loss=0.1, edits=1))
    new = Status(Phase.TRAINING, train_seconds=3, steps=1, loss=0.9, edits=session.orders.given)
    session.take(new)
    session.close()
    assert [each.steps for each in ProjectFolder(project.path).learned.read_history()] == [1]


@pytest.mark.usefixtures("impatient")
def test_it_waits_for_a_second_class_and_then_goes_on(session: Session, drive: MakeDrive) -> None:
    go = drive(session)
    session.train()
    session.paint(np.arange(100), 1)
    go.turns(4)
    assert session.status.phase == Phase.WAITING
    session.paint(np.arange(5000, 5100), 2)
    go(lambda: session.status.phase == Phase.TRAINING)
    go(complete(session))


@pytest.mark.usefixtures("impatient", "soon_learned")
def test_it_rests_once_it_has_learned_what_is_painted_and_an_edit_wakes_it(
    session: Session, drive: MakeDrive, truth: NDArray[np.uint8]
) -> None:
    for plane in PLANES:
        paint(session, plane, truth)
    session.train()
    go = drive(session)
    go(lambda: session.status.phase == Phase.LEARNED and session.status.complete)
    go(lambda: session.orders.model is not None)
    steps = session.status.steps
    assert steps >= trainer.RESTS * trainer.SETTLE * len(PLANES)
    go.turns(10)
    assert session.status.steps == steps
    assert session.training
    paint(session, Plane(0, 12), truth)
    go(lambda: session.status.steps > steps)
    go(lambda: session.status.phase == Phase.LEARNED and session.up_to_date)


@pytest.mark.usefixtures("impatient", "soon_learned")
def test_an_update_ends_when_there_is_no_more_to_learn(
    session: Session, drive: MakeDrive, truth: NDArray[np.uint8]
) -> None:
    learning.set_live(session, False)
    paint(session, PLANES[0], truth)
    go = drive(session)
    for _ in range(2):
        learning.train_once(session, 1e6)
        go(lambda: not session.training)
        go(resting(session))
    assert session.up_to_date


@pytest.mark.usefixtures("impatient")
def test_a_pause_finishes_the_prediction_and_trains_no_more(
    session: Session, drive: MakeDrive, truth: NDArray[np.uint8]
) -> None:
    paint(session, PLANES[0], truth)
    session.train()
    go = drive(session)
    go(lambda: session.status.steps >= 2)
    session.pause()
    steps = session.status.steps
    go(resting(session))
    go.turns(10)
    assert session.status.steps == steps
    assert session.prediction.all()
    session.train()
    go(lambda: session.status.steps > steps)


def test_an_untrained_network_is_not_shown(
    session: Session, drive: MakeDrive, truth: NDArray[np.uint8]
) -> None:
    go = drive(session)
    paint(session, PLANES[0], truth)
    assert not any(isinstance(item, Block) for item in go.turns(10))
    learning.forget(session)
    assert not any(isinstance(item, Block) for item in go.turns(10))


def test_the_strength_of_corrections_is_one_setting(phantom: Volume, tiny: Settings) -> None:
    workers: list[Worker] = []

    def open_worker(volume: Volume, classes: list[int], settings: Settings) -> Worker:
        workers.append(Worker(volume, classes, settings))
        return workers[-1]

    session = Session(phantom, settings=tiny, open_worker=open_worker)
    go = Drive(session)
    go.turns(2)
    session.paint(np.arange(10), 1)
    session.take(Status(Phase.TRAINING, edits=9, complete=True))
    session.paint(np.arange(10, 20), 2)
    assert session.weights().ravel()[10] > session.weights().ravel()[0]
    learning.set_strength(session, 0)
    assert session.weights().ravel()[10] == session.weights().ravel()[0]
    go.turns(2)
    weight_of = workers[0]._learner.case.supervision._weight_of
    np.testing.assert_array_equal(weight_of[2], weight_of[1])
    learning.forget(session)
    go.turns(2)
    assert workers[0]._learner.strength == 0
    go.end()


@pytest.mark.parametrize("plane", [Plane(0, 2), Plane(1, 27), Plane(2, 5)])
@pytest.mark.usefixtures("impatient")
def test_the_viewed_slice_is_predicted_first(
    session: Session, drive: MakeDrive, truth: NDArray[np.uint8], plane: Plane
) -> None:
    session.look(plane)
    paint(session, PLANES[0], truth)
    session.train()
    go = drive(session)
    first = []
    session.prediction_changed.connect(first.append)
    news = go(lambda: bool(first))
    blocks = [item for item in news if isinstance(item, Block)]
    first_box = blocks[0].box
    assert first_box.start[plane.axis] <= plane.position < first_box.stop[plane.axis]
    assert plane.take(session.prediction).all()
    assert not session.prediction.all()


@pytest.mark.usefixtures("impatient")
def test_an_edit_is_in_use_in_the_next_piece_of_work(
    session: Session, drive: MakeDrive, truth: NDArray[np.uint8]
) -> None:
    paint(session, PLANES[0], truth)
    session.train()
    go = drive(session)
    go(lambda: session.status.steps > 0)
    session.paint(np.arange(5), 1)
    go.turns(1)
    assert session.status.edits == 2
    assert not session.status.complete


def test_stopping_ends_the_loop(session: Session) -> None:
    go = Drive(session)
    go.turns(1)
    assert isinstance(go.end()[-1], Status)
    assert session.status.phase == Phase.STOPPED


@pytest.mark.usefixtures("impatient")
def test_asked_once_it_learns_a_little_predicts_all_and_rests(
    phantom: Volume, tiny: Settings, drive: MakeDrive, truth: NDArray[np.uint8], tmp_path: Path
) -> None:
    project = ProjectFolder(tmp_path / "a.densify", describe(phantom, None, "x"))
    session = Session(phantom, settings=tiny, project=project)
    said: list[bool] = []
    session.training_changed.connect(said.append)
    for plane in PLANES:
        paint(session, plane, truth)
    learning.set_live(session, False)
    go = drive(session)
    go.turns(3)
    assert session.status.train_seconds == 0
    for _ in range(2):
        learned = session.status.train_seconds
        learning.train_once(session, 0.3)
        go(resting(session))
        assert session.status.train_seconds >= learned + 0.3
        assert session.up_to_date
    assert said == [False, True, False, True, False]
    steps = session.status.steps
    go.turns(5)
    assert session.status.steps == steps
    go.end()
    again = ProjectFolder(tmp_path / "a.densify")
    assert not Session(phantom, settings=tiny, project=again).live
    again.close()


def test_a_strength_that_is_chosen_while_the_worker_starts_reaches_it(
    phantom: Volume, tiny: Settings
) -> None:
    told: list[Message] = []

    class Slow(Worker):
        def __init__(self, volume: Volume, classes: list[int], settings: Settings) -> None:
            learning.set_strength(session, 0.25)
            super().__init__(volume, classes, settings)

        def deliver(self, message: Message) -> None:
            told.append(message)
            super().deliver(message)

    session = Session(phantom, settings=tiny, open_worker=Slow)
    for news in run(session):
        session.take(news)
        if told:
            session.stop()
    assert Strength(0.25) in told
