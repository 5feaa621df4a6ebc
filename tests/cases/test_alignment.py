"""One image is found again in another that was cut out, turned, scaled and lit otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter
from scipy.spatial.transform import Rotation

from napari_densify.cases.alignment import align


def blobs(seed: int, shape: tuple[int, ...] = (26, 32, 28)) -> NDArray[np.float32]:
    """A few soft structures around the middle."""
    random = np.random.default_rng(seed)
    image = np.zeros(shape)
    for _ in range(20):
        at = np.clip(random.normal(0.5, 0.15, 3), 0.1, 0.9) * shape
        image[tuple(slice(a - 2, a + 3) for a in at.astype(int))] += random.uniform(0.5, 2)
    return gaussian_filter(image, 1.5).astype(np.float32)


def moved(
    image: NDArray[np.float32], matrix: NDArray[np.float64], shift: NDArray[np.float64]
) -> NDArray[np.float32]:
    """What lies at matrix · x + shift from the image's middle, at x from its own."""
    middle = (np.array(image.shape) - 1) / 2
    offset = middle + shift - matrix @ middle
    out: NDArray[np.float32] = affine_transform(image, matrix, offset, order=1)
    return out


@pytest.mark.parametrize("seed", range(6))
def test_what_was_turned_scaled_and_moved_is_found_again(seed: int) -> None:
    random = np.random.default_rng(seed)
    image = blobs(seed)
    turn = Rotation.from_rotvec(np.radians(random.uniform(-12, 12, 3))).as_matrix()
    matrix = turn @ np.diag(random.uniform(0.85, 1.15, 3))
    shift = random.uniform(-3, 3, 3)
    other = -5 * moved(image, matrix, shift) + 100  # bright is dark there
    found = align(other, (1, 1, 1), image, (1, 1, 1))
    assert found is not None
    inside = random.uniform(-8, 8, (100, 3))
    true = inside @ matrix.T + shift
    off = np.linalg.norm(inside @ found[:, :3].T + found[:, 3] - true, axis=1).mean()
    assert off < min(1, np.linalg.norm(inside - true, axis=1).mean() / 3)


def test_positions_are_physical_from_the_middle() -> None:
    image = blobs(0)
    found = align(image[::2], (2.0, 1.0, 1.0), 2 * image, (0.8, 0.8, 0.8))
    assert found is not None
    # Smaller there; that every second slice was taken moves the middle by half a voxel.
    np.testing.assert_allclose(found[:, :3], 0.8 * np.eye(3), atol=0.06)
    np.testing.assert_allclose(found[:, 3], [-0.4, 0, 0], atol=0.25)


@pytest.mark.parametrize("unit", [1e-6, 8.0, 1000.0])
def test_the_unit_of_lengths_is_nobodys_concern(unit: float) -> None:
    first, second = blobs(1), moved(blobs(1), np.diag([1.1, 1.0, 0.9]), np.array([2.0, -1.0, 0.0]))
    expected = align(second, (1, 1, 1), first, (1, 1, 1))
    found = align(second, (unit,) * 3, first, (unit,) * 3)
    assert expected is not None
    assert found is not None
    np.testing.assert_allclose(found[:, :3], expected[:, :3], atol=1e-3)
    np.testing.assert_allclose(found[:, 3], unit * expected[:, 3], atol=1e-2 * unit)


def test_the_same_images_give_the_same_map() -> None:
    first, second = blobs(1), blobs(2)
    once, again = (align(first, (1, 1, 1), second, (1, 1, 1)) for _ in range(2))
    np.testing.assert_array_equal(once, again)


@pytest.mark.parametrize(
    "other",
    [
        np.zeros((20, 20, 20), np.float32),
        blobs(0)[:3],
        np.random.default_rng(0).random((4, 40, 40), np.float32),
    ],
    ids=["one grey value", "few slices", "few slices of noise"],
)
def test_where_there_is_nothing_to_find_there_is_no_map(other: NDArray[np.float32]) -> None:
    assert align(blobs(0), (1, 1, 1), other, (1, 1, 1)) is None
    assert align(other, (1, 1, 1), blobs(0), (1, 1, 1)) is None


@pytest.mark.parametrize("seed", range(4))
def test_a_map_of_unlike_images_stays_within_bounds(seed: int) -> None:
    noise = np.random.default_rng(seed).random((24, 24, 24), np.float32)
    found = align(noise, (1, 1, 1), blobs(seed), (1, 1, 1))
    if found is not None:
        stretch = np.linalg.svd(found[:, :3], compute_uv=False)
        assert 0.5 <= stretch.min() <= stretch.max() <= 2
