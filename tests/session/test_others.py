"""A project's next case: predicted at once, corrected, and learned from with the cases before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.edit import Edit
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.place import place_in
from napari_densify.cases.project import Label, Learning
from napari_densify.cases.reference import ImageReference, describe
from napari_densify.cases.summary import list_cases
from napari_densify.cases.volume import Volume, content_hash
from napari_densify.session import schedule
from napari_densify.session.link import Settings
from napari_densify.session.news import Block, Load, Model, News, OtherCase, Phase, Save, Train
from napari_densify.session.others import read_others
from napari_densify.session.score import dice
from napari_densify.session.session import Session
from napari_densify.session.surgery import delete, merge
from napari_densify.session.worker import Worker
from tests.session.conftest import PLANES, WHOLE, Drive, block, paint

MakeDrive = Callable[[Session], Drive]


@pytest.fixture
def next_volume(phantom: Volume) -> Volume:
    """The phantom in another contrast."""
    return replace(phantom, data=phantom.data * 2 + 100, name="next")


def reference(volume: Volume) -> ImageReference:
    return describe(volume, None, content_hash(volume))


def resting(session: Session) -> Callable[[], bool]:
    return lambda: session.status.phase == Phase.PAUSED and session.status.complete


@pytest.fixture
def home(
    tmp_path: Path, phantom: Volume, truth: NDArray[np.uint8], tiny: Settings, drive: MakeDrive
) -> Path:
    """A project whose network has learned from one case."""
    project = ProjectFolder(tmp_path / "balls.densify", reference(phantom))
    session = Session(phantom, settings=tiny, project=project)
    for plane in PLANES:
        paint(session, plane, truth)
    session.train()
    run = drive(session)
    run(lambda: session.status.steps >= 5)
    session.keeping.say("done")
    session.pause()
    run(resting(session))
    run.end()
    return project.path


def test_what_is_lost_of_another_case_is_said_and_the_rest_of_it_learned(
    home: Path, phantom: Volume, next_volume: Volume
) -> None:
    whole = ProjectFolder(home)
    end = (home / "journal").stat().st_size
    for label in (2, 3):
        edit = whole.annotation.change(np.arange(30), label)
        assert edit is not None
        whole.commit(edit)
    whole.close()
    stored = bytearray((home / "journal").read_bytes())
    stored[end + 20] ^= 1
    (home / "journal").write_bytes(stored)
    project = ProjectFolder(place_in(home, None, content_hash(next_volume)), reference(next_volume))
    [other], [note] = read_others(project, lambda _, image: phantom)
    assert note.startswith("balls.densify: 1 strokes in the journal cannot be read")
    assert other.painted.where.size
    project.close()


def test_the_next_case_is_predicted_at_once_and_its_corrections_are_learned(
    home: Path,
    phantom: Volume,
    next_volume: Volume,
    truth: NDArray[np.uint8],
    tiny: Settings,
    drive: MakeDrive,
) -> None:
    assert [entry.summary.state for entry in list_cases(home)] == ["done"]
    path = place_in(home, None, content_hash(next_volume))
    project = ProjectFolder(path, reference(next_volume))
    others, notes = read_others(project, lambda _, image: phantom)
    assert not notes
    session = Session(next_volume, settings=tiny, project=project, others=others)
    session.pause()
    run = drive(session)
    run(resting(session))
    assert np.mean(list(dice(session.prediction, truth + 1, [2, 3]).values())) > 0.4
    wrong = session.prediction != truth + 1
    where = np.flatnonzero(wrong)[:50]
    edit = session.paint(where, (truth + 1).reshape(-1)[where])
    assert edit is not None
    assert edit.round_after == 1
    assert edit.after["wrong"].all()
    steps = session.status.steps
    session.train()
    run(lambda: session.status.steps > steps + 2)
    session.pause()
    run(resting(session))
    run.end()
    states = [(e.summary.state, e.summary.painted > 0) for e in list_cases(home)]
    assert states == [("done", True), ("painted", True)]


def test_an_opened_case_is_shown_by_a_guess_of_its_own_while_paused(
    phantom: Volume, truth: NDArray[np.uint8], tiny: Settings
) -> None:
    """A structure painted only there is found, though the last model is of another case."""
    known = everything(np.where(truth == 2, 0, truth + 1).astype(np.uint8))
    there = Worker(phantom, [1, 2], tiny)
    for message in (known, Train(on=True)):
        there.deliver(message)
    steps = 0
    while steps < 2:
        steps = there.turn()[-1].steps  # type: ignore[union-attr]
    there.deliver(Save())
    model = next(news for news in there.turn() if isinstance(news, Model))

    here = Worker(phantom, [1, 2, 3], tiny)
    own = everything(truth + 1)
    for each in (OtherCase(phantom, known), own, Load(model.data), Train(on=False)):
        here.deliver(each)
    shown = np.zeros_like(truth)
    taken: list[News] = here.turn()
    while not taken[-1].complete:  # type: ignore[union-attr]
        taken += here.turn()
    for news in taken:
        if isinstance(news, Block):
            shown[news.box.slices] = news.labels
    assert dice(shown, truth + 1, [3])[3] > 0.5
    assert taken[-1].steps == steps  # type: ignore[union-attr]
    assert not any(isinstance(news, Model) for news in [*taken, *here.turn()])


def test_a_case_of_one_class_beside_an_unpainted_one_leaves_the_loaded_guess_as_it_is(
    phantom: Volume, truth: NDArray[np.uint8], tiny: Settings
) -> None:
    there = Worker(phantom, [1, 2, 3], tiny)
    for message in (everything(truth + 1), Train(on=True)):
        there.deliver(message)
    while there.turn()[-1].steps < 1:  # type: ignore[union-attr]
        pass
    there.deliver(Save())
    model = next(news for news in there.turn() if isinstance(news, Model))
    here = Worker(phantom, [1, 2, 3], tiny)
    of_one_class = everything(np.where(truth, 0, 1).astype(np.uint8))
    for each in (OtherCase(phantom, of_one_class), Load(model.data), Train(on=True)):
        here.deliver(each)
    while not here.turn()[-1].complete:  # type: ignore[union-attr]
        pass


def test_nothing_is_saved_before_there_is_a_guess(
    phantom: Volume, truth: NDArray[np.uint8], tiny: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model without one could not be loaded again, and learning would begin anew."""
    monkeypatch.setattr(schedule, "SLICE", 0.0)
    worker = Worker(phantom, [1, 2, 3], tiny)
    for message in (everything(truth + 1), Train(on=True)):
        worker.deliver(message)
    worker.turn()
    for message in (Train(on=False), Save()):
        worker.deliver(message)
    taken = [news for _ in range(3) for news in worker.turn()]
    assert not any(isinstance(news, Model) for news in taken)


def everything(labels: NDArray[np.uint8]) -> Edit:
    """Some slices, as another case's annotation is handed over."""
    annotation = Annotation(labels.shape)  # type: ignore[arg-type]
    for plane in PLANES:
        on = plane.take(labels)
        edit = annotation.change(plane.voxels(on > 0, labels.shape), on[on > 0])  # type: ignore[arg-type]
        assert edit is not None
        annotation.apply(edit)
    return annotation.everything()


def test_a_case_whose_image_is_missing_is_left_out_with_a_sentence(
    home: Path, next_volume: Volume
) -> None:
    project = ProjectFolder(place_in(home, None, "1" * 64), reference(next_volume))
    others, notes = read_others(project, lambda _, image: None)
    project.close()
    assert not others
    assert "balls.densify is not where it was" in notes[0]


def test_classes_that_were_merged_in_another_case_are_merged_in_all(
    home: Path, phantom: Volume, next_volume: Volume, tiny: Settings
) -> None:
    case = ProjectFolder(place_in(home, None, "1" * 64), reference(next_volume))
    rows = [Label(label=k, name=str(k)) for k in (1, 2)]
    case.describe(classes=rows, learning=Learning(folded={3: 4, 4: 2}))
    case.close()
    project = ProjectFolder(home)
    before = project.annotation.labels
    session = Session(phantom, settings=tiny, project=project)
    np.testing.assert_array_equal(session.annotation.labels, np.where(before == 3, 2, before))
    assert session.orders.folded == {3: 2, 4: 2}, "nor is it predicted here any more"
    assert not (session.prediction == 3).any()
    session.take(block(3))  # the network knows it still
    assert set(np.unique(session.prediction)) <= {1, 2}
    assert session.undo() is not None
    np.testing.assert_array_equal(session.annotation.labels, before)
    assert project.description.learning.folded == {4: 2}
    session.close()


def test_other_cases_are_learned_from_in_the_classes_that_there_are(
    home: Path, phantom: Volume, next_volume: Volume, tiny: Settings
) -> None:
    case = ProjectFolder(place_in(home, None, "1" * 64), reference(next_volume))
    rows = [Label(label=k, name=str(k)) for k in (1, 2)]
    case.describe(classes=rows, learning=Learning(folded={3: 4, 4: 2}))
    others, _ = read_others(case, lambda _, image: phantom)
    session = Session(next_volume, settings=tiny, project=case, others=others)
    link = session.drive._connect()
    link.turn()
    [other] = link._learner.cases.others  # type: ignore[attr-defined]
    assert other.painted.classes == [1, 2]
    session.paint(np.arange(4), 3)  # as does an undo that brings the class back
    link.turn()
    assert other.painted.classes == [1, 2, 3]
    session.drive._disconnect()
    session.close()


def test_weights_are_shown_as_they_are_learned_with(
    phantom: Volume, truth: NDArray[np.uint8], tiny: Settings
) -> None:
    """Class balance is that of all cases, in the classes that there are."""
    other = OtherCase(phantom, everything(truth + 1))
    session = Session(phantom, settings=tiny, others=[other])
    session.round_over = True
    session.paint(np.arange(40), 2)
    session.paint(np.arange(40, 44), 1)
    link = session.drive._connect()
    for change in (lambda: None, lambda: merge(session, 3, 2), lambda: delete(session, 2)):
        change()
        link.turn()
        asked = link._learner.case.supervision.read(WHOLE)  # type: ignore[attr-defined]
        np.testing.assert_allclose(session.weights(), asked.weight)
    session.drive._disconnect()
