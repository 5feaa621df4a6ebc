"""DICOM folders written by pydicom, read through SimpleITK."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from scipy.spatial.transform import Rotation

from napari_densify.cases.formats import read_volume
from napari_densify.cases.formats.dicom import find_series
from napari_densify.cases.problem import Problem
from napari_densify.cases.reference import is_dicom
from napari_densify.cases.volume import Volume

from .dicom_files import write_series

RAMP = np.arange(10 * 11 * 12, dtype=np.int16).reshape(10, 11, 12)
TURN = Rotation.from_euler("xyz", [20, -35, 50], degrees=True).as_matrix()
DIRECTIONS = {
    "axial": np.eye(3),
    "oblique": TURN,
    "sagittal": np.array([[0.0, -1, 0], [0, 0, 1], [-1, 0, 0]]),
    "flipped": np.diag([1.0, -1, -1]),
}


def scan(direction: np.ndarray = DIRECTIONS["axial"]) -> Volume:
    return Volume(RAMP, (2.5, 0.75, 0.5), (-30.0, 12.5, 101.0), direction)


@pytest.mark.parametrize("kind", DIRECTIONS)
def test_a_series_lies_where_its_slices_say(tmp_path: Path, kind: str) -> None:
    image = scan(DIRECTIONS[kind])
    write_series(tmp_path / "scan", image)
    volume = read_volume(tmp_path / "scan")
    np.testing.assert_array_equal(volume.data, RAMP)
    np.testing.assert_allclose(volume.affine, image.affine, atol=1e-4)
    assert volume.unit == "millimeter"


def test_values_are_rescaled(tmp_path: Path) -> None:
    write_series(tmp_path, scan(), slope=0.5)
    np.testing.assert_allclose(read_volume(tmp_path).data, RAMP * 0.5)


@pytest.mark.parametrize("first", [(1, 0), (0.25, 0), (1, -1024)])
@pytest.mark.parametrize("later", [(0.5, 0), (1, -1024), (1, 0)])
def test_slices_have_a_scale_each(
    tmp_path: Path, first: tuple[float, int], later: tuple[float, int]
) -> None:
    image, wanted = scan(), RAMP.astype(float)
    for file in write_series(tmp_path, image):
        slice_ = pydicom.dcmread(file)
        slice_.PixelRepresentation, slice_.BitsStored, slice_.HighBit = 0, 12, 11
        number = int(slice_.InstanceNumber) - 1
        slice_.RescaleSlope, slice_.RescaleIntercept = later if number else first
        wanted[number] = RAMP[number] * float(slice_.RescaleSlope) + slice_.RescaleIntercept
        slice_.save_as(file)
    np.testing.assert_array_equal(read_volume(tmp_path).data, wanted)


def test_of_several_series_a_file_chooses_one(tmp_path: Path) -> None:
    write_series(tmp_path, scan(), prefix="A")
    other = write_series(tmp_path, Volume(RAMP[::-1].copy(), (1.0, 1.0, 1.0)), prefix="B")
    with pytest.raises(Problem, match=r"holds 2 DICOM series; choose one by a file of it: .*\.dcm"):
        read_volume(tmp_path)
    np.testing.assert_array_equal(read_volume(other[3]).data, RAMP[::-1])
    assert [(s.modality, len(s.files)) for s in find_series(tmp_path)] == [("CT", 10)] * 2


def test_a_name_without_an_ending_is_recognised(tmp_path: Path) -> None:
    for file in write_series(tmp_path, scan()):
        file.rename(file.with_suffix(""))
    np.testing.assert_array_equal(read_volume(tmp_path).data, RAMP)


def test_a_gap_is_said(tmp_path: Path) -> None:
    write_series(tmp_path, scan(), skip=[4, 5])
    with pytest.raises(Problem, match=r"lacks slices in 1 places, first between -22.5 and -15.0"):
        read_volume(tmp_path)


def test_directions_that_differ_are_said(tmp_path: Path) -> None:
    directions = [DIRECTIONS["axial"]] * 5 + [DIRECTIONS["sagittal"]] * 5
    write_series(tmp_path, scan(), directions=directions)
    with pytest.raises(Problem, match="slices in 2 directions"):
        read_volume(tmp_path)


def positions(along: np.ndarray, aside: float = 0.0) -> np.ndarray:
    return np.column_stack([np.zeros(10), aside * along, along])


@pytest.mark.parametrize(
    ("at", "sentence"),
    [
        (positions(np.arange(10) // 2 * 2.5), "several images of the same place"),
        (positions(np.arange(10) ** 1.15), r"slices 1\.00 to 1\.\d\d mm apart"),
        (positions(np.arange(10) * 2.5, 0.4), "tilted gantry"),
    ],
)
def test_what_is_no_grid_is_said(tmp_path: Path, at: np.ndarray, sentence: str) -> None:
    write_series(tmp_path, scan(), positions=at)
    with pytest.raises(Problem, match=sentence):
        read_volume(tmp_path)


def test_slices_of_two_sizes_are_said(tmp_path: Path) -> None:
    files = write_series(tmp_path, scan())
    import pydicom

    data = pydicom.dcmread(files[0])
    data.Rows, data.PixelData = 8, data.PixelData[: 8 * 12 * 2]
    data.save_as(files[0])
    with pytest.raises(Problem, match="of 2 sizes"):
        read_volume(tmp_path)


def test_what_is_no_dicom_is_refused(tmp_path: Path) -> None:
    (tmp_path / "note.dcm").write_text("not an image")
    with pytest.raises(Problem, match="no DICOM image that can be read"):
        read_volume(tmp_path)
    files = write_series(tmp_path / "scan", scan())
    for file in files:
        file.write_bytes(file.read_bytes()[:700])
    with pytest.raises(Problem, match=r"scan.*is it damaged"):
        read_volume(tmp_path / "scan")
    shutil.rmtree(tmp_path / "scan")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Problem, match="is no image"):
        read_volume(tmp_path / "empty")


def test_a_series_is_found_among_many_other_files(tmp_path: Path) -> None:
    write_series(tmp_path / "scan", scan())
    for number in range(1000):
        (tmp_path / "scan" / f"{number}.json").touch()
    assert is_dicom(tmp_path / "scan")
