from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from napari_densify.cases.model import ModelCard
from napari_densify.cases.project import Label
from napari_densify.cases.volume import Volume
from napari_densify.learn.exported import whole_of
from napari_densify.learn.weights import pack, unpack
from tests.conftest import TINY

from .test_learner import PLANES, make, paint, segment, train


def test_classes_have_the_order_of_the_card_whichever_came_first(
    phantom: Volume, truth: NDArray[np.uint8]
) -> None:
    learner = make(phantom.data)
    for plane in PLANES:
        paint(learner, plane, np.array([0, 0, 3], np.uint8)[truth])
    first = (learner.annotation.labels > 0) & (truth == 1)
    edit = learner.annotation.change(np.flatnonzero(first), 3)  # after 4
    assert edit is not None
    learner.apply(edit)
    train(learner, 2)
    assert learner.classes == [1, 2, 4, 3]
    model, rows = pack(learner), tuple(Label(label=k, name="abcd"[k - 1]) for k in range(1, 5))
    card = ModelCard(classes=rows, channels=1, spacing=(1.0, 1.0, 1.0), widths=TINY)
    with torch.no_grad():
        [answer] = whole_of(model, card)(torch.tensor(phantom.data)[None, None]).numpy()
    again = make(phantom.data)
    unpack(model, again)
    there = segment(again)
    assert {3, 4} <= set(np.unique(there))
    assert (answer.argmax(0) + 1 == there).mean() > 0.99
