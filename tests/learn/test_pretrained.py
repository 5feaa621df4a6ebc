"""What was learned beforehand, in networks for other voxels, channels and classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from napari_densify.cases.box import Box
from napari_densify.cases.plane import Plane
from napari_densify.learn import pretrained
from napari_densify.learn.learner import Learner
from napari_densify.learn.prediction import guess_probability
from napari_densify.learn.pretrained import (
    FILTERS,
    POSITION,
    SLOTS,
    Refiner,
    fitted,
    untrained,
)
from napari_densify.learn.unet import COMPACT, UNet3D, compact, fit_spacing
from napari_densify.learn.weights import pack, unpack

from .test_learner import paint

SIZE = (2, 16, 16, 16)


def network(
    classes: int = SLOTS, images: int = 1, spacing: tuple[float, ...] = (1, 1, 1)
) -> UNet3D:
    levels = fit_spacing(COMPACT, spacing)
    return UNet3D(FILTERS * images + POSITION + 2 * classes, classes, levels).eval()


def answer(net: UNet3D, values: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return net(values)


@pytest.fixture(scope="module")
def master() -> UNet3D:
    torch.manual_seed(0)
    return untrained().eval()


def values(classes: int = SLOTS, images: int = 1) -> torch.Tensor:
    """Filters, position, guess, and what is annotated."""
    n, *size = SIZE
    return torch.randn(n, FILTERS * images + POSITION + 2 * classes, *size)


def resized(given: torch.Tensor, classes: int) -> torch.Tensor:
    """The same of that many classes, new ones empty."""
    head, guess, marks = torch.split(given, [FILTERS + POSITION, SLOTS, SLOTS], dim=1)
    none = torch.zeros_like(guess[:, : max(classes - SLOTS, 0)])
    return torch.cat([head, guess[:, :classes], none, marks[:, :classes], none], dim=1)


def test_a_network_of_the_same_kind_gets_the_weights_as_they_are(master: UNet3D) -> None:
    made = fitted(master.state_dict(), network())
    assert all(torch.equal(made[k], v) for k, v in master.state_dict().items())


def test_fewer_classes_are_corrected_as_if_the_others_were_not_there(master: UNet3D) -> None:
    net = network(classes=2)
    net.load_state_dict(fitted(master.state_dict(), net))
    given = values()
    given[:, [-6, -5, -2, -1]] = 0
    expected = answer(master, given)[:, :2]
    torch.testing.assert_close(answer(net, resized(given, 2)), expected)


def test_more_classes_than_were_learned_begin_as_guessed(master: UNet3D) -> None:
    net = network(classes=SLOTS + 2)
    net.load_state_dict(fitted(master.state_dict(), net))
    given = values()
    got = answer(net, resized(given, SLOTS + 2))
    torch.testing.assert_close(got[:, :SLOTS], answer(master, given))
    assert not got[:, SLOTS:].any()


def test_an_image_of_equal_channels_is_seen_as_one(master: UNet3D) -> None:
    net = network(images=3)
    net.load_state_dict(fitted(master.state_dict(), net))
    one = values()
    filters = one[:, :FILTERS].repeat_interleave(3, dim=1)
    torch.testing.assert_close(
        answer(net, torch.cat([filters, one[:, FILTERS:]], dim=1)), answer(master, one)
    )


@given(axis=st.integers(0, 2), kind=st.sampled_from(["conv", "down", "up"]))
def test_kernels_of_long_voxels_answer_as_to_an_image_that_does_not_change_along_them(
    axis: int, kind: str
) -> None:
    layer: nn.Module = {
        "conv": lambda: nn.Conv3d(2, 3, 3),
        "down": lambda: nn.Conv3d(2, 3, 2, 2),
        "up": lambda: nn.ConvTranspose3d(2, 3, 2, 2),
    }[kind]()
    weight = layer.weight.detach()
    size = [1 if a == axis else n for a, n in enumerate(weight.shape[2:])]
    thin = pretrained._kernel(weight, size, kind == "up")
    image = torch.randn(1, 2, 8, 8, 8).mean(axis + 2, keepdim=True).expand(1, 2, 8, 8, 8)
    stride = [1 if a == axis else s for a, s in enumerate(layer.stride)]
    if kind == "up":
        got = nn.functional.conv_transpose3d(image, thin, layer.bias, stride)
        expected = layer(image).unflatten(axis + 2, (-1, 2)).mean(axis + 3)
    else:
        got = nn.functional.conv3d(image, thin, layer.bias, stride)
        expected = layer(image)
    alike = [slice(None)] * 5
    alike[axis + 2] = slice(0, 1)
    torch.testing.assert_close(got[tuple(alike)], expected[tuple(alike)], atol=1e-4, rtol=1e-4)


def test_long_voxels_and_two_classes_take_all_weights(master: UNet3D) -> None:
    for spacing in [(2.2, 1, 1), (5, 1, 1), (1, 1, 3), (1, 3, 3)]:
        net = network(classes=2, spacing=spacing)
        net.load_state_dict(fitted(master.state_dict(), net))  # strict: each of its own shape


def test_it_serves_networks_of_other_widths_that_go_down_as_far(master: UNet3D) -> None:
    wide = UNet3D(FILTERS + POSITION + 2, 2, compact((16, 32, 64)))
    assert pretrained.serves(wide)
    given = values(classes=2)
    same = network(classes=2)
    same.load_state_dict(fitted(master.state_dict(), same))
    expected = given[:, -4:-2] + answer(same, given)
    got = Refiner(master.state_dict(), wide).logits(given)
    torch.testing.assert_close(got, expected, atol=0.03, rtol=0)  # it may be in half precision
    assert not pretrained.serves(UNet3D(FILTERS + POSITION + 2, 2, compact((16, 32))))


def test_weights_of_older_models_do_not_know_what_is_annotated(master: UNet3D) -> None:
    older = {
        name: value[:, :-SLOTS] if name in pretrained.INPUTS else value
        for name, value in master.state_dict().items()
    }
    net = network(classes=2)
    net.load_state_dict(fitted(older, net))
    given = values(classes=2)
    blank = given.clone()
    blank[:, -2:] = 0
    torch.testing.assert_close(answer(net, given), answer(net, blank))


def test_the_package_holds_the_weights_of_a_network_of_the_kind() -> None:
    untrained().load_state_dict(pretrained.weights())


def test_what_is_known_has_its_say_before_the_first_step() -> None:
    image = np.random.default_rng(0).normal(size=(1, 16, 20, 24)).astype(np.float32)
    image[0, :, :, 12:] += 3
    learner = Learner(image, (1, 1, 1), device="cpu")
    truth = np.zeros(image.shape[1:], np.uint8)
    truth[:, :, 12:] = 1
    paint(learner, Plane(0, 8), truth)
    learner.guess_anew()
    assert learner.steps == 0
    box = Box((0, 0, 0), learner.annotation.shape)
    shown = learner.predict(box)
    assert (shown.argmax(0) == truth).mean() > 0.95
    guess = guess_probability(learner.case.inputs, box).numpy()
    assert np.abs(shown - guess).max() > 0.01


def test_a_stroke_is_seen_before_anything_is_learned_from_it() -> None:
    image = np.random.default_rng(0).normal(size=(1, 24, 24, 24)).astype(np.float32)
    learner = Learner(image, (1, 1, 1), device="cpu")
    left = np.indices(image.shape[1:])[2] // 12
    paint(learner, Plane(0, 4), left)
    learner.guess_anew()
    box = Box((8, 0, 0), (24, 24, 24))
    before = learner.predict(box)
    paint(learner, Plane(0, 16), 1 - left)
    near, far = np.abs(learner.predict(box) - before)[:, [7, 0]].mean(axis=(0, 2, 3))
    assert near > far > 0


def test_a_model_keeps_what_was_known_when_it_was_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(0).normal(size=(1, 16, 16, 16)).astype(np.float32)
    old = Learner(image, (1, 1, 1), device="cpu")
    paint(old, Plane(0, 8), np.indices((16, 16, 16))[2] // 8)
    old.guess_anew()
    other = {k: v * 2 for k, v in pretrained.weights().items()}
    monkeypatch.setattr(pretrained, "weights", lambda: other)
    new = Learner(image, (1, 1, 1), device="cpu")
    paint(new, Plane(0, 8), np.indices((16, 16, 16))[2] // 8)
    unpack(pack(old), new)
    box = Box((0, 0, 0), (16, 16, 16))
    np.testing.assert_allclose(new.predict(box), old.predict(box), atol=1e-3)
