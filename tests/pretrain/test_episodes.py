"""Volumes that are drawn by chance, and what the network is given of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_densify.learn.pretrained import FILTERS, POSITION, SLOTS
from pretrain import episodes, images, shapes
from pretrain.episodes import STROKE, Episode, _corrections, _guess, episode

SIZE = (20, 24, 28)


@pytest.mark.parametrize("kind", shapes.KINDS, ids=lambda kind: kind.__name__)
def test_structures_have_parts_that_are_counted_from_1(kind: object) -> None:
    drawn = [kind(np.random.default_rng(seed), SIZE) for seed in range(8)]  # type: ignore[operator]
    assert all(labels.shape == SIZE and labels.max() <= 3 for labels in drawn)
    assert any(labels.any() for labels in drawn)
    assert len({labels.tobytes() for labels in drawn}) > 1


@given(st.floats(1.0, 40), st.integers(0, 99))
@settings(max_examples=30)
def test_smooth_noise_is_as_smooth_as_it_was_asked_for(scale: float, seed: int) -> None:
    field = shapes.smooth(np.random.default_rng(seed), SIZE, scale)
    assert field.shape == SIZE
    assert field.mean() == pytest.approx(0, abs=1e-3)
    assert field.std() == pytest.approx(1, abs=1e-3)
    steps = [np.abs(np.diff(field, axis=axis)).mean() for axis in range(3)]
    assert max(steps) < 4 / scale + 0.3


@given(st.integers(0, 500))
@settings(max_examples=20)
def test_images_are_numbers_on_the_grid_of_their_labels(seed: int) -> None:
    grey, labels, spacing = images.volume(np.random.default_rng(seed), SIZE)
    assert grey.shape == labels.shape
    assert np.isfinite(grey).all()
    assert all(d in (1, 2, 3, 4) for d in spacing)
    for count, step, size in zip(labels.shape, spacing, SIZE, strict=True):
        assert (count - 1) * step < size <= (count + 1) * step, "the last voxel may be cut off"


@pytest.fixture(scope="module")
def drawn() -> Episode:
    return episode(7, 3)


def test_an_episode_is_what_the_network_gets_in_the_plugin(drawn: Episode) -> None:
    assert drawn.values.shape == (*drawn.target.shape, FILTERS + POSITION + SLOTS)
    there = drawn.balance > 0
    assert sorted(set(drawn.target.unique().tolist())) == there.nonzero().flatten().tolist()
    guess = drawn.values[..., -SLOTS:].float()
    assert not guess[..., ~there].any()
    guess[..., ~there] = -30
    right = guess.argmax(-1) == drawn.target
    # The trees have seen the slices that were painted, and nothing else.
    assert right[~drawn.free].float().mean() > 0.8
    assert 0 < (~drawn.free).float().mean() < 0.3


@pytest.mark.parametrize("discs", [0.0, 1.0])
def test_corrections_are_painted_where_the_guess_is_wrong(
    drawn: Episode, discs: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(episodes, "DISCS", discs)
    wrong = ((_guess(drawn) != drawn.target) & drawn.free).numpy()
    far = ndimage.distance_transform_edt(~wrong)
    for seed in range(8):
        painted = _corrections(np.random.default_rng(seed), drawn)
        assert not (painted & ~drawn.free.numpy()).any()
        assert far[painted].max(initial=0) <= (STROKE[1] if discs else 0)
        assert painted.any()


def test_half_of_the_episodes_were_corrected_and_the_trees_know() -> None:
    off_the_slices = []
    for drawn in (episode(7, number) for number in range(8)):
        marked = ~drawn.free.numpy()
        full = [marked.all(axis=a) for a in ((1, 2), (0, 2), (0, 1))]
        slices = full[0][:, None, None] | full[1][None, :, None] | full[2][None, None, :]
        more = torch.from_numpy(marked & ~slices)
        off_the_slices.append(bool(more.any()))
        if more.any():
            right = (_guess(drawn) == drawn.target)[more]
            assert right.float().mean() > 0.5
    assert set(off_the_slices) == {True, False}


def test_an_episode_is_the_same_whenever_it_is_drawn(drawn: Episode) -> None:
    again = episode(7, 3)
    assert torch.equal(drawn.values, again.values)
    assert torch.equal(drawn.target, again.target)
    assert drawn.spacing == again.spacing
