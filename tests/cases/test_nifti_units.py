"""NIfTI in the unit that the image is measured in, read by nibabel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_densify.cases.formats import read_any, read_labels, write_volume

from .test_round_trips import PLACES, by_nibabel, values


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize(
    ("unit", "said", "factor"),
    [
        ("millimeter", "mm", 1.0),
        ("micrometer", "micron", 1.0),
        ("meter", "meter", 1.0),
        ("nanometer", "micron", 1e-3),
        ("centimeter", "mm", 10.0),
    ],
)
def test_nifti_says_in_which_unit_it_measures(
    tmp_path: Path, ending: str, unit: str, said: str, factor: float
) -> None:
    image = replace(PLACES["rotated"], data=values("uint8"), unit=unit)
    file = tmp_path / f"labels{ending}"
    write_volume(file, image)
    assert [each.name for each in tmp_path.iterdir()] == [file.name]
    assert nibabel.load(file).header.get_xyzt_units()[0] == said
    data, affine = by_nibabel(file)
    np.testing.assert_array_equal(data, image.data)
    np.testing.assert_allclose(affine, np.diag([factor] * 3 + [1]) @ image.affine, atol=1e-4)
    back = read_any(file).in_unit(unit)
    np.testing.assert_allclose(back.affine, image.affine, rtol=1e-5, atol=1e-3)


def test_labels_of_an_image_in_micrometres_fit_it_again(tmp_path: Path) -> None:
    labels = values("uint8") % 3
    image = replace(PLACES["anisotropic"], data=labels, unit="micrometer")
    write_volume(tmp_path / "labels.nii.gz", image)
    np.testing.assert_array_equal(read_labels(tmp_path / "labels.nii.gz", image), labels)
