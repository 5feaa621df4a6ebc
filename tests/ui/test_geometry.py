"""Where layers lie: what a file says becomes the layer's place, and comes back from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Image
from scipy.spatial.transform import Rotation

from napari_densify.cases.choice import WHOLE
from napari_densify.cases.volume import Volume
from napari_densify.ui.geometry import TURNED, is_straight, place_of_volume, place_volume, straight
from napari_densify.ui.layers import labels_like

from .conftest import drag, phantom

MILD = Rotation.from_euler("xyz", [8, -12, 5], degrees=True).as_matrix()
DIRECTIONS = {
    "axis-aligned": np.eye(3),
    "flipped": np.diag([1.0, -1.0, -1.0]),
    "oblique": MILD,
    "oblique and flipped": MILD @ np.diag([1.0, 1.0, -1.0]),
    "sagittal": np.eye(3)[[2, 0, 1]],
}


def test_axes_in_other_units_are_measured_in_the_last_ones() -> None:
    layer = Image(np.zeros((4, 5, 6)), scale=(0.002, 0.5, 0.5), units=("mm", "um", "um"))
    placed = place_volume(Volume(np.zeros((4, 5, 6))), layer)
    assert placed.spacing == pytest.approx((2.0, 0.5, 0.5))
    assert placed.unit == "micrometer"


def volume(direction: np.ndarray) -> Volume:
    image = np.random.default_rng(0).random((9, 10, 12))
    return Volume(image, (2.25, 0.75, 0.5), (-3.0, 40.0, 5.0), direction, "x", "millimeter")


@pytest.mark.parametrize("kind", DIRECTIONS)
def test_a_layer_lies_where_its_volume_does_and_says_so(kind: str) -> None:
    image = volume(DIRECTIONS[kind])
    layer = Image(image.data, **place_of_volume(image))
    back = place_volume(Volume(image.data), layer)
    np.testing.assert_allclose(back.affine, image.affine, atol=1e-9)
    assert (back.unit, back.spacing) == ("millimeter", pytest.approx(image.spacing))
    if kind != "sagittal":
        for voxel in ((0, 0, 0), (8, 0, 3), (4, 9, 11)):
            at = image.affine @ (*voxel, 1)
            np.testing.assert_allclose(layer.data_to_world(voxel), at[:3])


@pytest.mark.parametrize("kind", DIRECTIONS)
def test_straightened_it_is_still_known_where_it_lies(kind: str) -> None:
    image = volume(DIRECTIONS[kind])
    layer = Image(image.data, **place_of_volume(image))
    assert is_straight(layer) != kind.startswith("oblique")
    if not is_straight(layer):
        layer = straight(layer, place_volume(Volume(image.data), layer))
    assert is_straight(layer)
    labels = labels_like(layer, WHOLE, np.zeros(image.shape, np.uint8), "annotation")
    for each in (layer, labels):
        at = place_volume(Volume(image.data), each)
        np.testing.assert_allclose(at.affine, image.affine, atol=1e-9)
    assert (TURNED in layer.metadata) == (not image.upright)


def test_an_oblique_image_is_painted_on_the_slice_that_is_seen(open_case, viewer, qtbot):
    image = replace(volume(MILD), data=phantom()[0])
    case = open_case(image.data, **place_of_volume(image))
    np.testing.assert_allclose(case.session.volume.affine, image.affine, atol=1e-9)
    viewer.dims.set_point(0, case.annotation.data_to_world((5, 0, 0))[0])
    drag(viewer, qtbot, [(0.45, 0.5), (0.55, 0.5)])
    qtbot.waitUntil(lambda: case.session.annotation.annotated > 0)
    painted = np.argwhere(case.session.annotation.labels)
    assert set(painted[:, 0]) == {5}, "a stroke is on the slice that was shown"
