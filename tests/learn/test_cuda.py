"""Learning on a graphics card; left out where there is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_densify.cases.box import Box
from napari_densify.cases.plane import Plane
from napari_densify.cases.volume import Volume
from napari_densify.learn.learner import Learner
from napari_densify.learn.weights import pack, unpack
from napari_densify.session.link import Settings
from napari_densify.session.news import Block, Message, News, Status, Train
from napari_densify.session.worker import Worker

from .test_learner import PLANES, everywhere, paint, scores, segment, train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA card here")


def painted(phantom: Volume, truth: NDArray[np.uint8], device: str) -> Learner:
    """Three slices, nothing learned yet; with what was learned beforehand."""
    learner = Learner(phantom.data[None], phantom.spacing, device=device)
    for plane in PLANES:
        paint(learner, plane, truth)
    return learner


@pytest.fixture(scope="module")
def trained(phantom: Volume, truth: NDArray[np.uint8]) -> bytes:
    """What 60 steps on a card come to."""
    learner = painted(phantom, truth, "cuda")
    train(learner, 60)
    return pack(learner)


def test_three_slices_are_enough_on_a_card(
    trained: bytes, phantom: Volume, truth: NDArray[np.uint8]
) -> None:
    learner = painted(phantom, truth, "cuda")
    unpack(trained, learner)
    assert learner.loss < learner.trainer.guess_loss
    assert min(scores(learner, truth)) > 0.6


@pytest.mark.parametrize(("first", "second"), [("cuda", "cpu"), ("cpu", "cuda")])
def test_what_was_learned_on_one_is_the_same_on_the_other(
    phantom: Volume, truth: NDArray[np.uint8], first: str, second: str
) -> None:
    learner = painted(phantom, truth, first)
    train(learner, 20)
    other = painted(phantom, truth, second)
    unpack(pack(learner), other)
    np.testing.assert_allclose(everywhere(other), everywhere(learner), atol=0.1)
    assert (segment(other) == segment(learner)).mean() > 0.99
    train(other, 5)
    assert other.steps == learner.steps + 5
    assert np.isfinite(other.loss)


def test_a_class_and_another_case_come_in_while_it_learns(
    trained: bytes, phantom: Volume, truth: NDArray[np.uint8]
) -> None:
    learner = painted(phantom, truth, "cuda")
    unpack(trained, learner)
    more = truth.copy()
    more[:, :, :6] = 3
    paint(learner, Plane(0, 12), more)
    learner.replay(phantom.data[None, ::-1] * 2, phantom.spacing, learner.annotation.everything())
    train(learner, 10)
    assert learner.classes == [1, 2, 3, 4]
    np.testing.assert_allclose(everywhere(learner).sum(0), 1, atol=1e-3)
    assert {p.device.type for p in learner.trainer.net.parameters()} == {"cuda"}


def test_a_block_is_predicted_as_in_the_whole_on_a_card(
    trained: bytes, phantom: Volume, truth: NDArray[np.uint8]
) -> None:
    learner = painted(phantom, truth, "cuda")
    unpack(trained, learner)
    box = Box((5, 3, 8), (20, 21, 30))
    whole = everywhere(learner)[:, *box.slices]
    agree = learner.predict(box).argmax(0) == whole.argmax(0)
    assert agree.mean() > 0.99


def test_the_worker_takes_the_card_by_itself(phantom: Volume, truth: NDArray[np.uint8]) -> None:
    worker = Worker(phantom, [1, 2, 3], Settings())
    learner = painted(phantom, truth, "cpu")
    messages: list[Message] = [learner.annotation.everything(), Train(on=True)]
    for message in messages:
        worker.deliver(message)
    news: list[News] = []
    while not any(isinstance(n, Status) and n.steps > 3 and n.complete for n in news):
        news += worker.turn()
    assert {n.device for n in news if isinstance(n, Status)} == {"cuda"}
    shown = np.zeros(phantom.shape, np.uint8)
    for block in news:
        if isinstance(block, Block):
            shown[block.box.slices] = block.labels
    assert set(np.unique(shown)) == {1, 2, 3}
