"""What was learned beforehand is asked once, and shown is what it would say if asked anew."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_densify.cases.box import Box
from napari_densify.learn.forests import SHOWN
from napari_densify.learn.learner import Learner
from napari_densify.learn.pretrained import Refiner
from napari_densify.learn.refined_map import NEAR, RefinedMap

SHAPE = (20, 28, 32)


def boxes(data: Any) -> Box:
    """Any box inside."""
    start = [data.draw(st.integers(0, n - 1)) for n in SHAPE]
    size = [data.draw(st.integers(1, n)) for n in SHAPE]
    return Box.cut(start, size, SHAPE)


@given(data=st.data())
def test_what_is_current_and_known_is_what_was_written_last(data: Any) -> None:
    forests = {SHOWN: object()}
    guess: Any = SimpleNamespace(bank=SimpleNamespace(shape=SHAPE), forests=forests)
    refiner: Any = SimpleNamespace(classes=2)
    known = RefinedMap(guess)
    known.follow(refiner)
    written = np.full(SHAPE, -1.0)
    now = np.zeros(SHAPE, bool)  # may be called current
    for value in range(data.draw(st.integers(1, 8))):
        match data.draw(st.sampled_from(["write", "write", "paint", "fit", "other"])):
            case "write":
                box = boxes(data)
                known.write(box, torch.full((2, *box.shape), value / 8))
                written[box.slices], now[box.slices] = value / 8, True
            case "paint":
                box = boxes(data)
                known.painted(box)
                written[box.grow([NEAR] * 3, SHAPE).slices], now[:] = -1, False
            case "fit":
                forests[SHOWN] = object()
                now[:] = False
            case "other":
                refiner = SimpleNamespace(classes=2)
                written[:], now[:] = -1, False
        known.follow(refiner)
    box = boxes(data)
    if known.current(box):
        assert now[box.slices].all()
        np.testing.assert_array_equal(known.read(box)[0], written[box.slices])
    elif now.all() and (written >= 0).all():
        pytest.fail("all of it is, and was not called so")
    where = np.arange(written.size).reshape(SHAPE)[box.slices].ravel()
    if known.knows(where):
        np.testing.assert_array_equal(known.at(where)[:, 1], written.ravel()[where])
    elif (written >= 0).all() and now.all():
        pytest.fail("all of it was written, and is not known")


def asked(learner: Learner, box: Box) -> tuple[NDArray[np.float32], int]:
    """A prediction, and how many times what was learned beforehand was asked for it."""
    with patch.object(Refiner, "logits", autospec=True, side_effect=Refiner.logits) as ask:
        return learner.predict(box), ask.call_count


def test_it_is_asked_again_only_after_strokes_and_fits(learner: Learner) -> None:
    box = Box((0, 0, 0), learner.annotation.shape)
    first, once = asked(learner, box)
    again, none = asked(learner, box)
    assert (once, none) == (1, 0)
    np.testing.assert_allclose(again, first, atol=1e-3)
    learner.advance(0.0)
    assert asked(learner, box)[1] == 0
    edit = learner.annotation.change(np.arange(40), 2, new_round=True)
    assert edit is not None
    learner.apply(edit)
    assert asked(learner, box)[1] == 1
    learner.guess_anew()
    shown, once = asked(learner, box)
    assert once == 1
    learner.case.refined = RefinedMap(learner.case.guess)
    np.testing.assert_array_equal(asked(learner, box)[0], shown)


def test_steps_do_not_wait_for_what_is_known_of_an_older_guess(learner: Learner) -> None:
    """Near a stroke nothing older holds; elsewhere it does until it is predicted again."""
    shape = learner.annotation.shape
    learner.predict(Box((0, 0, 0), shape))
    learner.guess_anew()
    learner.predict(Box((0, 0, 0), (1, 1, 1)))  # which is of the new guess
    everywhere = np.arange(learner.annotation.labels.size)
    assert learner.case.refined.knows(everywhere)
    assert not learner.case.refined.current(Box((0, 0, 0), shape))
    edit = learner.annotation.change(np.arange(4), 2, new_round=True)
    assert edit is not None
    learner.apply(edit)
    assert not learner.case.refined.knows(np.arange(4))
    assert learner.case.refined.knows(everywhere[-4:])


def test_memory_is_given_back_with_the_rest(learner: Learner) -> None:
    box = Box((0, 0, 0), learner.annotation.shape)
    before = asked(learner, box)[0]
    learner.forget(learner.annotation.shape[0] + 64)
    after, once = asked(learner, box)
    assert once == 1
    np.testing.assert_allclose(after, before, atol=1e-3)
