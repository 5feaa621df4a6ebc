from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_densify.cases.box import Box, tiles
from napari_densify.learn import features
from napari_densify.learn.features import SCALES, FeatureBank, normalise
from napari_densify.learn.scale import PER_SCALE, eigenvalues

CPU = torch.device("cpu")


@pytest.fixture
def image() -> NDArray[np.float32]:
    random = np.random.default_rng(0)
    return random.normal(size=(1, 20, 24, 28)).astype(np.float32)


def whole(bank: FeatureBank) -> NDArray[np.float16]:
    """(channels, z, y, x)."""
    return np.moveaxis(bank.read(Box((0, 0, 0), bank.shape)), -1, 0).copy()


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 1.0, 0.5)])
def test_reading_by_tiles_gives_what_reading_the_whole_does(
    image: NDArray[np.float32], spacing: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = whole(FeatureBank(image, spacing, CPU))
    monkeypatch.setattr(features, "TILE", 8)
    bank = FeatureBank(image, spacing, CPU)
    for box in tiles(bank.shape, (5, 9, 11)):
        got = np.moveaxis(bank.read(box), -1, 0).astype(np.float32)
        np.testing.assert_allclose(got, expected[:, *box.slices], atol=2e-3)


def test_there_are_as_many_channels_as_it_says(image: NDArray[np.float32]) -> None:
    two = np.concatenate([image, image])
    bank = FeatureBank(two, (1, 1, 1), CPU)
    assert whole(bank).shape == (bank.channels, *image.shape[1:])
    assert bank.filters == 2 * (1 + PER_SCALE * len(SCALES))
    assert bank.channels == bank.filters + 3


def test_the_first_channel_is_the_image(image: NDArray[np.float32]) -> None:
    np.testing.assert_allclose(whole(FeatureBank(image, (1, 1, 1), CPU))[0], image[0], atol=2e-3)


def test_a_constant_channel_gives_finite_responses() -> None:
    image = normalise(np.full((1, 9, 9, 9), 77, np.uint16))
    assert np.isfinite(whole(FeatureBank(image, (1, 1, 1), CPU))).all()


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float64])
def test_grey_values_become_standard(dtype: type) -> None:
    random = np.random.default_rng(0)
    image = (100 * random.random((2, 9, 10, 11)) > 60).astype(dtype) * dtype(3)
    for channel in normalise(image):
        assert abs(channel.mean()) < 1e-4
        assert abs(channel.std() - 1) < 1e-3


def test_a_hot_voxel_changes_little() -> None:
    image = np.random.default_rng(0).normal(size=(1, 10, 20, 20))
    hot = image.copy()
    hot[0, 3, 4, 5] = 1e6
    difference = np.abs(normalise(hot) - normalise(image))
    assert np.median(difference) < 0.01


@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_any_range_of_values_can_be_told_apart(offset: float) -> None:
    image = offset + np.random.default_rng(0).normal(size=(1, 10, 10, 10))
    assert np.unique(normalise(image)).size > 900


@pytest.mark.parametrize("start", [2**63, 2**62 + 1, 2**64 - 16])
def test_no_64_bit_number_is_rounded_away(start: int) -> None:
    steps = np.random.default_rng(0).integers(0, 16, (1, 10, 10, 10))
    unsigned = np.uint64(start) + steps.astype(np.uint64)
    expected = normalise(steps.astype(np.uint8))
    np.testing.assert_allclose(normalise(unsigned), expected, atol=1e-6)
    np.testing.assert_allclose(normalise(unsigned.astype(">u8")), expected, atol=1e-6)
    signed = np.where(steps < 8, np.iinfo(np.int64).min, np.iinfo(np.int64).max)
    assert normalise(signed).std() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_nan_counts_as_the_lowest_value_and_infinity_as_the_highest(dtype: type) -> None:
    image = np.random.default_rng(0).random((1, 10, 10, 10)).astype(dtype)
    odd = image.copy()
    odd[0, 0, 0, :3] = np.nan, -np.inf, np.inf
    got = normalise(odd)
    assert np.isfinite(got).all()
    assert got[0, 0, 0, 0] == got[0, 0, 0, 1] == got.min()
    assert got[0, 0, 0, 2] == got.max()
    assert np.isfinite(normalise(np.full_like(image, np.nan))).all()


def test_huge_values_stay_finite() -> None:
    image = 1e300 * np.random.default_rng(0).normal(size=(1, 10, 10, 10))
    assert np.isfinite(normalise(image)).all()


def test_eigenvalues_are_those_of_numpy() -> None:
    matrices = np.random.default_rng(0).normal(size=(500, 3, 3)).astype(np.float32)
    matrices = matrices + matrices.transpose(0, 2, 1)
    hessian = {(i, j): torch.from_numpy(matrices[:, i, j]) for i in range(3) for j in range(i, 3)}
    ours = torch.stack(eigenvalues(hessian), dim=1).numpy()
    expected = np.linalg.eigvalsh(matrices)[:, ::-1]
    np.testing.assert_allclose(ours, expected, atol=5e-3)


def test_responses_follow_the_physical_size(image: NDArray[np.float32]) -> None:
    """A blob sampled twice as finely along z answers with the same strength."""
    z, y, x = np.meshgrid(*(np.linspace(-15, 15, n) for n in (31, 31, 31)), indexing="ij")
    blob = np.exp(-(z**2 + y**2 + x**2) / 32).astype(np.float32)
    iso = whole(FeatureBank(blob[None], (1, 1, 1), CPU))
    thick = whole(FeatureBank(blob[None, ::2], (2, 1, 1), CPU))
    centre, coarse = iso[:, 15, 15, 15], iso[:, 14, 15, 15]
    smallest = 1 + PER_SCALE * 2 + 4  # the smallest Hessian eigenvalue at σ = 3
    assert centre[smallest] < 0
    np.testing.assert_allclose(thick[smallest, 7, 15, 15], coarse[smallest], rtol=0.2)
