from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_densify.cases import comparison
from napari_densify.cases.annotation import Annotation
from napari_densify.cases.comparison import _carry, echoes
from napari_densify.cases.edit import Edit
from napari_densify.cases.problem import Problem
from napari_densify.cases.weight import LAST_ROUND, edit_weight

SHAPE = (3, 4, 5)
SIZE = 60

Action = tuple[list[int], int, bool, bool]
actions = st.tuples(
    st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=12),
    st.integers(0, 4),
    st.booleans(),
    st.booleans(),
)
histories = st.lists(actions, max_size=8)


def act(annotation: Annotation, action: Action) -> Edit | None:
    """One stroke: voxels, label (0 erases), shown prediction wrong, prediction was shown."""
    where, label, wrong, shown = action
    edit = annotation.change(np.array(where), label, wrong=wrong, new_round=shown)
    if edit is not None:
        annotation.apply(edit)
    return edit


def after(history: list[Action]) -> Annotation:
    annotation = Annotation(SHAPE)
    for action in history:
        act(annotation, action)
    return annotation


State = tuple[NDArray[np.void], int, NDArray[np.int64], NDArray[np.float32]]


def state(annotation: Annotation) -> State:
    marks, counts = annotation.marks.copy(), annotation.counts.copy()
    return marks, annotation.round, counts, annotation.weights()


def assert_same(one: State, other: State) -> None:
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@given(histories, st.lists(st.integers(0, 4), min_size=SIZE, max_size=SIZE))
def test_accepting_annotates_what_was_predicted_where_nothing_was(
    history: list[Action], predicted: list[int]
) -> None:
    annotation, labels = after(history), np.array(predicted, np.uint8)
    before = annotation.marks.reshape(-1).copy()
    edit = annotation.accept(np.arange(SIZE), labels)
    new = (before["label"] == 0) & (labels > 0)
    assert (edit is None) == (not new.any())
    if edit is None:
        return
    round_ = annotation.round
    annotation.apply(edit)
    marks = annotation.marks.reshape(-1)
    np.testing.assert_array_equal(marks[~new], before[~new])
    np.testing.assert_array_equal(marks["label"][new], labels[new])
    assert not marks["wrong"][new].any()
    weights = edit_weight(marks["round"][new], marks["wrong"][new], annotation.round)
    np.testing.assert_array_equal(weights, 1)
    assert annotation.round == round_
    annotation.apply(edit.inverse())
    np.testing.assert_array_equal(annotation.marks.reshape(-1), before)


@given(histories, actions)
def test_an_edit_and_its_inverse_restore_everything(history: list[Action], last: Action) -> None:
    annotation = after(history)
    before = state(annotation)
    edit = act(annotation, last)
    if edit is not None:
        annotation.apply(edit.inverse())
    assert_same(state(annotation), before)


@given(histories)
def test_undoing_all_and_redoing_all_passes_the_same_states(history: list[Action]) -> None:
    annotation = Annotation(SHAPE)
    states = [state(annotation)]
    for action in history:
        if act(annotation, action) is not None:
            states.append(state(annotation))
    for expected in reversed(states[:-1]):
        edit = annotation.undo()
        assert edit is not None
        annotation.apply(edit)
        assert_same(state(annotation), expected)
    for expected in states[1:]:
        edit = annotation.redo()
        assert edit is not None
        annotation.apply(edit)
        assert_same(state(annotation), expected)
    assert annotation.redo() is None


@given(histories, actions)
def test_painting_after_an_undo_forgets_what_could_be_redone(
    history: list[Action], last: Action
) -> None:
    annotation = after(history)
    if (edit := annotation.undo()) is not None:
        annotation.apply(edit)
    if act(annotation, last) is not None and edit is not None:
        redone = annotation.redo()
        # Painting the very same again is a redo; anything else leaves nothing to redo.
        assert redone is None or not np.array_equal(redone.where, last[0])


@given(histories)
def test_counts_equal_a_recount_of_the_marks(history: list[Action]) -> None:
    annotation = after(history)
    counts = np.zeros_like(annotation.counts)
    for label, round_, wrong in annotation.marks.ravel().tolist():
        counts[label, round_, int(wrong)] += 1
    np.testing.assert_array_equal(annotation.counts, counts)
    assert annotation.annotated == np.count_nonzero(annotation.labels)
    assert annotation.classes == [k for k in np.unique(annotation.labels) if k]


@given(histories)
def test_weight_is_zero_exactly_where_nothing_is_annotated(history: list[Action]) -> None:
    annotation = after(history)
    np.testing.assert_array_equal(annotation.weights() > 0, annotation.labels > 0)


@given(histories, st.lists(st.integers(0, SIZE - 1), min_size=1))
def test_erasing_leaves_no_mark(history: list[Action], where: list[int]) -> None:
    annotation = after(history)
    act(annotation, (where, 0, True, True))
    assert not annotation.weights().ravel()[where].any()
    blank = np.zeros(1, annotation.marks.dtype)[0]
    assert (annotation.marks.ravel()[where] == blank).all()


@given(histories, actions)
def test_repainting_takes_label_round_and_wrong_of_the_new_stroke(
    history: list[Action], last: Action
) -> None:
    annotation = after(history)
    where, label, wrong, _ = last
    edit = act(annotation, last)
    assert (annotation.labels.ravel()[where] == label).all()
    if edit is not None and label:
        marks = annotation.marks.ravel()[edit.where]
        assert (marks["round"] == annotation.round).all()
        assert (marks["wrong"] == wrong).all()


@given(histories, actions)
def test_an_undo_and_a_redo_are_recognised_from_the_labels_alone(
    history: list[Action], last: Action
) -> None:
    annotation = after(history)
    before = state(annotation)
    if act(annotation, last) is None:
        return
    painted = state(annotation)
    for expected in (before, painted):
        labels = expected[0]["label"]
        steps = echoes(annotation, labels)
        assert steps
        if expected is painted and steps[0].undoes:
            return  # the labels look like one more undo, too: as good an explanation
        for step in steps:
            annotation.apply(step)
        assert_same(state(annotation), expected)
        assert not echoes(annotation, annotation.labels.copy())


@given(st.lists(actions, min_size=2, max_size=6), st.data())
def test_what_is_taken_for_undos_is_a_way_back(history: list[Action], data: st.DataObject) -> None:
    annotation = Annotation(SHAPE)
    states = [state(annotation)]
    for action in history:
        if act(annotation, action) is not None:
            states.append(state(annotation))
    labels = data.draw(st.sampled_from(states))[0]["label"]
    while steps := echoes(annotation, labels):
        for step in steps:
            annotation.apply(step)
    marks = annotation.marks
    assert any(np.array_equal(marks, earlier) for earlier, *_ in states)


def test_undos_over_the_same_voxels_come_together() -> None:
    annotation = Annotation(SHAPE)
    states = [state(annotation)]
    strokes = ((0, 10, 1), (5, 15, 2), (0, 15, 3), (20, 25, 4))
    for start, stop, label in strokes:
        assert act(annotation, (list(range(start, stop)), label, True, True)) is not None
        states.append(state(annotation))
    labels = states[0][0]["label"]
    while steps := echoes(annotation, labels):
        for step in steps:
            annotation.apply(step)
    assert_same(state(annotation), states[0])
    labels = states[-1][0]["label"]
    while steps := echoes(annotation, labels):
        for step in steps:
            annotation.apply(step)
    assert_same(state(annotation), states[-1])


@given(histories)
def test_one_edit_brings_an_empty_annotation_to_the_same_state(history: list[Action]) -> None:
    annotation = after(history)
    copy = Annotation(SHAPE)
    copy.apply(annotation.everything())
    assert_same(state(copy), state(annotation))


def test_an_erasure_is_an_edit_of_its_own_and_can_be_undone() -> None:
    annotation = Annotation(SHAPE)
    act(annotation, ([1, 2], 2, False, False))
    painted = state(annotation)
    act(annotation, ([1, 2], 0, False, False))
    edit = annotation.undo()
    assert edit is not None
    annotation.apply(edit)
    assert_same(state(annotation), painted)


def test_a_stroke_that_changes_nothing_is_no_edit() -> None:
    annotation = after([([1, 2], 2, False, False)])
    assert annotation.change(np.array([2, 1]), 2, wrong=True, new_round=True) is None
    assert annotation.change(np.array([], np.int64), 2) is None
    assert annotation.change(np.array([5]), 0) is None


def test_voxels_may_come_unsorted_and_twice_with_a_label_each() -> None:
    annotation = Annotation(SHAPE)
    edit = annotation.change(
        np.array([9, 3, 9]), np.array([2, 4, 2], np.uint8), wrong=np.array([True, False, True])
    )
    assert edit is not None
    assert edit.where.tolist() == [3, 9]
    assert edit.after["label"].tolist() == [4, 2]
    assert edit.after["wrong"].tolist() == [False, True]


@pytest.mark.parametrize("label", [255, 300, -1])
def test_a_class_that_cannot_be_stored_is_refused(label: int) -> None:
    annotation = Annotation(SHAPE)
    with pytest.raises(Problem, match=str(label)):
        annotation.change(np.array([1]), label)
    assert not annotation.annotated


def test_rounds_stop_at_the_last_that_can_be_told_apart() -> None:
    annotation = Annotation(SHAPE)
    for i in range(300):
        act(annotation, ([i % SIZE], 1 + i // SIZE % 2, True, True))
    assert annotation.round == LAST_ROUND == 254
    assert annotation.weights().max() > 0


def test_a_stroke_over_the_newest_of_many_edits_is_no_reason_to_look_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With ten slices of 512² it would hold up the window for a quarter of a minute."""
    annotation = Annotation((50, 8, 8))
    for z in range(50):
        edit = annotation.change(np.arange(64) + 64 * z, 1)
        assert edit is not None
        annotation.apply(edit)
    labels = annotation.labels
    labels[49, 2:4, 2:4] = 2
    looked_at: list[object] = []
    monkeypatch.setattr(comparison, "_carry", lambda *seen: looked_at.append(seen) or carry(*seen))
    carry = _carry
    assert not echoes(annotation, labels)
    assert len(looked_at) == 1
