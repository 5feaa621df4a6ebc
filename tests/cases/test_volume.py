from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_densify.cases.problem import Problem
from napari_densify.cases.volume import Volume, as_volume, content_hash, notes_on_values

RAMP = np.arange(8 * 9 * 10).reshape(8, 9, 10)


def spoilt(value: float) -> NDArray[np.float64]:
    image = RAMP.astype(float)
    image[3, 4, 5] = value
    return image


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (RAMP[0], "is 2-D; choose a 3-D volume"),
        (RAMP[0, 0], "has 1 dimensions"),
        (RAMP[None, None], "has 5 dimensions"),
        (np.zeros((32, 32, 3), np.uint8), "RGB"),
        (np.zeros((8, 32, 32, 3), np.uint8), "RGB"),
        (np.zeros((8, 32, 32, 4), np.uint8), "RGB"),
        (np.zeros((0, 9, 10)), "is empty"),
        (np.zeros((0, 8, 9, 10)), "is empty"),
        (np.full((8, 9, 10), 7.0), "same value everywhere"),
        (np.zeros((8, 9, 10), bool), "same value everywhere"),
        (np.full((8, 9, 10), np.nan), "same value everywhere"),
        (np.where(RAMP > 9, np.inf, 7.0), "same value everywhere"),
        (RAMP.astype(object), "object values"),
        (RAMP.astype(complex), "complex128 values"),
        (RAMP.astype(str), "choose an image of numbers"),
    ],
)
def test_what_no_network_can_learn_from_is_refused(
    image: NDArray[np.generic], sentence: str
) -> None:
    with pytest.raises(Problem, match=sentence) as caught:
        as_volume(image, name="scan")
    assert "scan" in str(caught.value)
    assert str(caught.value).count("\n") == 0


@pytest.mark.parametrize("dtype", [bool, *np.typecodes["AllInteger"], "f2", "f4", "f8"])
def test_any_number_type_is_taken_as_it_is(dtype: str | type) -> None:
    image = (RAMP % 100).astype(dtype)
    volume = as_volume(image)
    assert volume.data.dtype == image.dtype
    assert volume.shape == (8, 9, 10)
    assert volume.channels.shape == (1, 8, 9, 10)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("slices", [1, 2, 7])
def test_a_few_slices_are_a_volume(slices: int, axis: int) -> None:
    thin = RAMP.take(range(slices), axis)
    assert as_volume(thin).shape == thin.shape


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_taken_and_said(value: float) -> None:
    volume = as_volume(spoilt(value), name="scan")
    np.testing.assert_equal(volume.data[3, 4, 5], value)
    [note] = notes_on_values(volume)
    assert note.startswith("1 values of “scan” are NaN or infinite")
    assert not notes_on_values(as_volume(RAMP.astype(float)))


def test_channels_come_first() -> None:
    volume = as_volume(np.stack([RAMP, RAMP + 1]))
    assert volume.shape == (8, 9, 10)
    assert volume.channels.shape == (2, 8, 9, 10)


def test_a_segmentation_lies_where_its_image_does() -> None:
    image = Volume(RAMP, (3.0, 2.0, 1.0), (1.0, 2.0, 3.0), np.eye(3)[::-1], "scan")
    labels = image.like(np.zeros(RAMP.shape, np.uint8))
    assert (labels.spacing, labels.origin) == (image.spacing, image.origin)
    np.testing.assert_array_equal(labels.direction, image.direction)
    assert labels.name == "scan"


def test_the_hash_tells_values_shapes_and_types_apart() -> None:
    data = np.arange(1000, dtype=np.uint16).reshape(10, 10, 10)
    variants = [data, data + 1, data.astype(np.int16), data.reshape(5, 20, 10), data[::-1]]
    assert len({content_hash(Volume(v)) for v in variants}) == len(variants)
    assert content_hash(Volume(data)) == content_hash(Volume(data.copy(order="F")))
