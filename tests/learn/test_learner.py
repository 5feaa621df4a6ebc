from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.box import Box
from napari_densify.cases.plane import Plane
from napari_densify.cases.volume import Volume
from napari_densify.learn import trainer
from napari_densify.learn.case import Case
from napari_densify.learn.folds import FOLDS
from napari_densify.learn.grid import Grid
from napari_densify.learn.learner import BATCH, Learner
from napari_densify.learn.unet import compact
from napari_densify.learn.weights import pack, unpack
from napari_densify.session.score import dice
from tests.conftest import TINY

PLANES = [Plane(0, 9), Plane(1, 19), Plane(2, 16)]


def make(image: NDArray[np.generic], spacing: tuple[float, ...] = (1, 1, 1)) -> Learner:
    return Learner(image[None], spacing, device="cpu", levels=compact(TINY))


def paint(learner: Learner, plane: Plane, truth: NDArray[np.uint8]) -> None:
    """Annotate a slice with a truth's structures, one higher."""
    labels = plane.take(truth) + 1
    where = plane.voxels(np.ones(labels.shape, bool), truth.shape)
    edit = learner.annotation.change(where, labels.ravel().astype(np.uint8))
    assert edit is not None
    learner.apply(edit)


def train(learner: Learner, steps: int) -> None:
    """That many steps more, however fast this machine is."""
    last = learner.steps + steps
    learner.advance(1e9, interrupt=lambda: learner.steps >= last)


def everywhere(learner: Learner) -> NDArray[np.float32]:
    return learner.predict(Box((0, 0, 0), learner.annotation.shape))


def segment(learner: Learner) -> NDArray[np.uint8]:
    return np.array(learner.classes, np.uint8)[everywhere(learner).argmax(0)]


@pytest.fixture(scope="module")
def trained(phantom: Volume, truth: NDArray[np.uint8]) -> bytes:
    """What 90 steps on three slices come to."""
    learner = make(phantom.data)
    for plane in PLANES:
        paint(learner, plane, truth)
    train(learner, 90)
    return pack(learner)


@pytest.fixture
def learner(trained: bytes, phantom: Volume, truth: NDArray[np.uint8]) -> Learner:
    """A trained learner of one's own."""
    learner = make(phantom.data)
    for plane in PLANES:
        paint(learner, plane, truth)
    unpack(trained, learner)
    return learner


def scores(learner: Learner, truth: NDArray[np.uint8]) -> list[float]:
    """Dice of the structures over what was not annotated."""
    free = learner.annotation.labels == 0
    return list(dice(segment(learner), truth + 1, [2, 3], free).values())


def test_three_slices_are_enough_for_the_phantom(
    learner: Learner, phantom: Volume, truth: NDArray[np.uint8]
) -> None:
    untrained = make(phantom.data)
    for plane in PLANES:
        paint(untrained, plane, truth)
    assert np.mean(scores(untrained, truth)) < 0.3
    assert min(scores(learner, truth)) > 0.6
    assert np.mean(scores(learner, truth)) > 0.7


def test_a_restored_learner_predicts_and_goes_on_the_same(
    trained: bytes, learner: Learner, phantom: Volume, truth: NDArray[np.uint8]
) -> None:
    restored = make(phantom.data)
    restored.apply(learner.annotation.everything())  # the guess counts where something is painted
    unpack(trained, restored)
    assert (restored.steps, restored.classes) == (90, [1, 2, 3])
    np.testing.assert_array_equal(everywhere(restored), everywhere(learner))
    assert pack(restored) == trained
    assert restored.trainer.optimiser.state_dict()["state"].keys() == (
        learner.trainer.optimiser.state_dict()["state"].keys()
    )


def test_what_only_the_second_channel_shows_is_learned(truth: NDArray[np.uint8]) -> None:
    noise = np.random.default_rng(0).normal(size=(2, *truth.shape))
    noise[1] = 0.3 * noise[1] + np.array([0, 1, 2])[truth]
    reached = []
    for image in (noise, noise[:1]):
        learner = Learner(image, (1, 1, 1), device="cpu", levels=compact(TINY))
        for plane in PLANES:
            paint(learner, plane, truth)
        learner.guess_anew()
        reached.append(np.mean(scores(learner, truth)))
        train(learner, 60)
        reached.append(np.mean(scores(learner, truth)))
    guessed, learned, guessed_blind, learned_blind = reached
    assert guessed > guessed_blind + 0.1
    assert learned > learned_blind + 0.1
    assert learned > 0.75


def test_probabilities_are_probabilities(learner: Learner) -> None:
    p = learner.predict(Box((3, 5, 7), (4, 25, 30)))
    assert p.shape == (3, 1, 20, 23)
    assert p.dtype == np.float32
    np.testing.assert_allclose(p.sum(0), 1, atol=1e-5)


@pytest.mark.parametrize(
    "box",
    [Box((0, 0, 0), (12, 28, 32)), Box((4, 0, 9), (24, 21, 32)), Box((11, 13, 15), (12, 14, 16))],
)
def test_a_block_is_predicted_as_in_the_whole(learner: Learner, box: Box) -> None:
    whole, part = everywhere(learner)[:, *box.slices], learner.predict(box)
    assert np.abs(whole - part).mean() < 0.01
    assert (whole.argmax(0) == part.argmax(0)).mean() > 0.99


def test_a_new_class_leaves_the_old_ones_about_as_they_were(
    learner: Learner, truth: NDArray[np.uint8]
) -> None:
    before, labels = everywhere(learner), segment(learner)
    edit = learner.annotation.change(np.arange(40), 7)
    assert edit is not None
    learner.apply(edit)
    assert learner.classes == [1, 2, 3, 7]
    after = everywhere(learner)
    assert after.shape[0] == 4
    kept = after[:3] / after[:3].sum(0)
    np.testing.assert_allclose(kept, before, atol=2e-3)
    assert (segment(learner) == labels).mean() > 0.97
    train(learner, 25)
    free = learner.annotation.labels == 0
    agreement = dice(segment(learner), labels, [1, 2, 3], free)
    assert min(agreement.values()) > 0.6


def test_a_class_that_came_in_training_is_learned() -> None:
    """The corner is dark: told that it is another class, the network comes to know it."""
    image = np.random.default_rng(0).normal(0, 0.2, (16, 16, 16))
    image[:, :, 10:] += 2
    image[:, :6] -= 4
    truth = (image[...] > 1).astype(np.uint8)
    learner = make(image)
    paint(
        learner,
        Plane(1, 12),
        np.where(np.arange(16) >= 10, 1, 0)[None, None].repeat(16, 0).repeat(16, 1),
    )
    train(learner, 20)
    where = Plane(1, 2).voxels(np.ones((16, 16), bool), truth.shape)
    edit = learner.annotation.change(where, 3)
    assert edit is not None
    learner.apply(edit)
    learner.guess_anew()
    train(learner, 40)
    labels = segment(learner)
    assert (labels[:, :5] == 3).mean() > 0.9
    assert (labels[:, 8:] == 3).mean() < 0.1


@pytest.mark.parametrize("spacing", [(1, 1, 1), (4, 1, 1), (1, 0.3, 0.9)])
def test_sizes_need_not_be_divisible_by_anything(spacing: tuple[float, ...]) -> None:
    truth = np.zeros((9, 17, 31), np.uint8)
    truth[:, :, 16:] = 1
    learner = make(truth + np.random.default_rng(0).normal(0, 0.1, truth.shape), spacing)
    paint(learner, Plane(0, 4), truth)
    train(learner, 2)
    assert everywhere(learner).shape == (2, 9, 17, 31)
    assert np.isfinite(everywhere(learner)).all()
    assert np.isfinite(learner.loss)
    assert learner.predict(Box((8, 16, 30), (9, 17, 31))).shape == (2, 1, 1, 1)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32, np.float16, np.float64])
def test_any_number_type_can_be_learned_from(dtype: type) -> None:
    truth = np.zeros((8, 9, 10), np.uint8)
    truth[:, :, 5:] = 1
    learner = make(truth.astype(dtype))
    paint(learner, Plane(0, 4), truth)
    train(learner, 1)
    assert np.isfinite(everywhere(learner)).all()


def test_it_trains_on_two_patches_at_least(learner: Learner) -> None:
    learner.guess_anew()
    batch = learner.case.patches.draw(BATCH)
    assert batch.values.shape[0] == BATCH >= 2
    assert batch.target.shape == batch.weight.shape == batch.where.shape
    assert (batch.weight > 0).flatten(1).any(1).all()


def test_strength_reaches_the_weights_that_are_trained_with(
    learner: Learner, truth: NDArray[np.uint8]
) -> None:
    edit = learner.annotation.change(np.arange(9), 2, wrong=True, new_round=True)
    assert edit is not None
    learner.apply(edit)
    first, here = np.unravel_index(9 * 28 * 32, truth.shape), (0, 0, 0)

    def ratio() -> float:
        whole = torch.from_numpy(np.indices(truth.shape))
        read = [learner.case.patches.read((0, 0, 0), whole, fold) for fold in range(FOLDS + 1)]
        weight = sum(weight for *_, weight, _ in read).reshape(truth.shape)
        same = learner.annotation.labels == 2
        return float(weight[here] / weight[same & (learner.annotation.marks["round"] == 0)][0])

    assert learner.annotation.labels[first]
    assert ratio() == pytest.approx(8)
    learner.set_strength(0)
    assert ratio() == pytest.approx(1)


def test_it_does_not_train_on_one_class(phantom: Volume, truth: NDArray[np.uint8]) -> None:
    learner = make(phantom.data)
    paint(learner, PLANES[0], np.zeros_like(truth))
    assert not learner.ready
    with pytest.raises(ValueError, match="two annotated classes"):
        learner.advance(1)


def test_the_same_seed_learns_the_same(phantom: Volume, truth: NDArray[np.uint8]) -> None:
    packed = []
    for _ in range(2):
        learner = make(phantom.data)
        paint(learner, PLANES[0], truth)
        torch.manual_seed(len(packed))  # what others draw is no matter
        train(learner, 2)
        learner.seconds = 0.0  # the clock is not the seed's
        packed.append(pack(learner))
    assert packed[0] == packed[1]


def test_a_network_that_is_worse_than_the_guess_is_not_trusted_from_a_model_either(
    learner: Learner, phantom: Volume
) -> None:
    assert learner.trust > 0.4
    learner.trainer.loss = 3 * learner.trainer.guess_loss
    restored = make(phantom.data)
    unpack(pack(learner), restored)
    assert learner.trust == restored.trust == 0


@pytest.mark.parametrize("damage", ["damaged", "of another network"])
def test_a_model_that_does_not_fit_is_refused(trained: bytes, phantom: Volume, damage: str) -> None:
    if damage == "damaged":
        with pytest.raises(ValueError, match="damaged"):
            unpack(trained[:1000], make(phantom.data))
    else:
        other = Learner(phantom.data[None], (1, 1, 1), device="cpu", levels=compact((32, 48)))
        with pytest.raises(ValueError, match="another network"):
            unpack(trained, other)


def test_corrections_are_learned_with_the_guess_that_knows_them(
    phantom: Volume, truth: NDArray[np.uint8]
) -> None:
    learner = make(phantom.data)
    for plane in PLANES:
        paint(learner, plane, truth)
    wrong = np.flatnonzero(learner.annotation.labels == 0)[:7]
    edit = learner.annotation.change(wrong, 2, wrong=True, new_round=True)
    assert edit is not None
    learner.apply(edit)
    learner.guess_anew()
    whole = torch.from_numpy(np.indices(truth.shape))
    for number in range(FOLDS + 1):
        *_, weight, _ = learner.case.patches.read((0, 0, 0), whole, number)
        counts = np.flatnonzero(weight)
        if number == FOLDS:
            np.testing.assert_array_equal(counts, wrong)
        else:
            assert counts.size
            assert not np.isin(wrong, counts).any()


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_a_voxel_that_is_no_number_does_not_spread_when_an_image_is_resampled(odd: float) -> None:
    image = np.random.default_rng(0).random((1, 12, 12, 12), np.float32)
    broken = image.copy()
    broken[0, 5, 5, 5] = odd
    plain, other = (
        Case(each, Grid((12, 12, 12), (1, 1, 1), (2, 2, 2)), torch.device("cpu")).bank.image
        for each in (image, broken)
    )
    assert np.isfinite(other).all()
    far = np.ones(other.shape, bool)
    far[:, 1:5, 1:5, 1:5] = False
    np.testing.assert_allclose(other[far], plain[far], atol=0.2)


def test_large_whole_numbers_are_told_apart_when_an_image_is_resampled() -> None:
    image = 2**60 + np.random.default_rng(0).integers(0, 100, (1, 12, 12, 12))
    case = Case(image, Grid((12, 12, 12), (1, 1, 1), (2, 2, 2)), torch.device("cpu"))
    assert case.bank.image.std() > 0.1


def test_an_edit_of_nothing_is_no_trouble_on_other_voxels(phantom: Volume) -> None:
    learner = Learner(
        phantom.data[None], (1, 1, 1), device="cpu", levels=compact(TINY), wanted=(2, 2, 2)
    )
    learner.apply(Annotation(phantom.shape).everything())
    learner.replay(phantom.data[None], (1, 1, 1), Annotation(phantom.shape).everything())
    assert not learner.ready


def test_a_state_can_be_loaded_that_was_taken_while_the_guess_knew_fewer_classes(
    phantom: Volume, truth: NDArray[np.uint8]
) -> None:
    learner, annotation = make(phantom.data), Annotation(phantom.shape)
    assert not learner.begun
    for label, where in enumerate((0, 10, 20), start=1):
        edit = annotation.change(np.arange(where * 100, where * 100 + 50), label)
        assert edit is not None
        annotation.apply(edit)
        learner.apply(edit)
        if label == 2:
            learner.guess_anew()
    assert learner.begun
    assert learner.classes == [1, 2, 3]
    again = make(phantom.data)
    unpack(pack(learner), again)
    box = Box((0, 0, 0), (8, 8, 8))
    np.testing.assert_allclose(again.predict(box), learner.predict(box), atol=1e-3)


def test_a_first_stroke_of_a_class_leaves_the_painted_slices_as_many_as_they_are(
    phantom: Volume, truth: NDArray[np.uint8]
) -> None:
    learner = make(phantom.data)
    for plane in [*PLANES, Plane(0, 17), Plane(1, 9), Plane(2, 11)]:
        paint(learner, plane, truth)
    learner.guess_anew()
    assert learner.trainer.slices == 6
    edit = learner.annotation.change(np.arange(5), 4)
    assert edit is not None
    learner.apply(edit)
    learner.guess_anew()
    assert not learner.case.guess.folds.planes, "or a guess would deny what it has not seen of it"
    assert learner.trainer.slices == 6


def test_what_was_learned_is_still_learned_when_it_is_loaded_unless_more_is_painted(
    phantom: Volume, truth: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "RESTS", 0.05)
    learner = make(phantom.data)
    for plane in PLANES:
        paint(learner, plane, truth)
    train(learner, 4)
    assert learner.learned
    for more, expected in ((False, True), (True, False)):
        again = make(phantom.data)
        for plane in [*PLANES, *([Plane(0, 3)] if more else [])]:
            paint(again, plane, truth)
        unpack(pack(learner), again)
        assert again.learned is expected
