"""Positions of a project's cases are those of one of them, and stay so."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box
from napari_densify.learn.features import FeatureBank, normalise, own_placement
from napari_densify.learn.learner import Learner
from napari_densify.learn.template import SIDE, Template
from napari_densify.learn.weights import load, pack, state_of, unpack

CPU = torch.device("cpu")
SPACING = (1.0, 1.0, 1.0)


def object_at(corner: tuple[int, int, int], seed: int = 0) -> NDArray[np.float32]:
    """A blob with a knob, cut out of the same noise at another place: (1, z, y, x)."""
    scene = np.zeros((60, 60, 60))
    scene[20:40, 22:38, 24:36] = 1
    scene[38:44, 26:32, 26:32] = 2
    scene = gaussian_filter(scene, 1)
    scene += np.random.default_rng(seed).normal(0, 0.02, scene.shape)
    z, y, x = corner
    return normalise(scene[None, z : z + 40, y : y + 40, x : x + 40])


def positions(bank: FeatureBank) -> NDArray[np.float32]:
    """(z, y, x, 3)."""
    whole = Box((0, 0, 0), bank.shape)
    return bank.read(whole)[..., bank.filters :].astype(np.float32)


def test_an_image_keeps_its_own_positions() -> None:
    image = object_at((10, 10, 10))
    template = Template.of(image, SPACING)
    np.testing.assert_array_equal(template.placement(image, SPACING), own_placement((40, 40, 40)))


def test_the_same_part_has_the_same_position_in_another_cut() -> None:
    first, second = object_at((10, 10, 10)), object_at((6, 13, 8), seed=1)
    template = Template.of(first, SPACING)
    banks = [FeatureBank(each, SPACING, CPU) for each in (first, second)]
    banks[1].place(lambda: template.placement(second, SPACING))
    there, here = positions(banks[0]), positions(banks[1])
    apart = [there[20, 20, 20] - here[24, 17, 22], there[30, 18, 18] - here[34, 15, 20]]
    assert np.abs(apart).max() < 0.1  # a voxel is 0.1
    own = positions(FeatureBank(second, SPACING, CPU))
    assert np.abs(there[20, 20, 20] - own[24, 17, 22]).max() > 0.35


def test_an_image_in_which_nothing_is_found_keeps_its_own_positions() -> None:
    flat = np.zeros((1, 30, 20, 10), np.float32)
    template = Template.of(object_at((10, 10, 10)), SPACING)
    np.testing.assert_array_equal(template.placement(flat, SPACING), own_placement((30, 20, 10)))


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 200, 40), (33, 33, 33), (7, 5, 2)])
def test_a_template_is_small_and_known_again_when_it_comes_back(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    template = Template.of(image, (2.0, 1.0, 1.0))
    assert max(template.values.shape) <= SIDE
    back = Template.from_state(template.state())
    own = own_placement([n * d for n, d in zip(shape, (2.0, 1.0, 1.0), strict=True)])
    np.testing.assert_array_equal(back.placement(image, (2.0, 1.0, 1.0)), own)


def painted(learner: Learner) -> None:
    annotation = Annotation(learner.annotation.shape)
    for label, where in ((1, np.arange(0, 3200, 7)), (2, 20 * 1640 + np.arange(15))):
        edit = annotation.change(where, label, wrong=False, new_round=False)
        assert edit is not None
        annotation.apply(edit)
        learner.apply(edit)


def test_a_network_goes_on_with_the_positions_that_it_has_learned() -> None:
    first, second = object_at((10, 10, 10)), object_at((6, 13, 8), seed=1)
    learned = Learner(first, SPACING, device="cpu")
    painted(learned)
    learned.replay(second, SPACING, learned.annotation.everything())
    learned.guess_anew()
    expected = [positions(case.bank) for case in learned.cases]
    opened = Learner(second, SPACING, device="cpu")
    opened.replay(first, SPACING, learned.annotation.everything())
    unpack(pack(learned), opened)
    there, here = (positions(case.bank) for case in opened.cases)
    np.testing.assert_array_equal(here, expected[0])
    np.testing.assert_array_equal(there, expected[1])
    # And so does the next one after it.
    painted(opened)
    opened.guess_anew()
    next_one = Learner(first, SPACING, device="cpu")
    unpack(pack(opened), next_one)
    np.testing.assert_array_equal(positions(next_one.case.bank), expected[0])


def test_a_model_from_before_there_were_templates_is_read_with_the_images_own_positions() -> None:
    first, second = object_at((10, 10, 10)), object_at((6, 13, 8), seed=1)
    learned = Learner(first, SPACING, device="cpu")
    painted(learned)
    learned.guess_anew()
    older = {k: v for k, v in state_of(learned).items() if not k.startswith("template.")}
    opened = Learner(second, SPACING, device="cpu")
    load(older, opened)
    own = positions(FeatureBank(second, SPACING, CPU))
    np.testing.assert_array_equal(positions(opened.case.bank), own)
