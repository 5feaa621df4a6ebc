from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import tifffile
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_densify.cases.formats import SUFFIXES, read_labels, read_volume, write_volume
from napari_densify.cases.problem import Problem
from napari_densify.cases.volume import Volume

SHAPE = (9, 10, 12)
RAMP = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
MEDICAL = [".nii.gz", ".nii", ".nrrd", ".mha"]


def oblique_image() -> sitk.Image:
    """An image with rotated, flipped axes, anisotropic voxels and an origin."""
    image = sitk.GetImageFromArray(RAMP)
    turn = Rotation.from_euler("xyz", [20, -35, 50], degrees=True).as_matrix()
    image.SetDirection((turn @ np.diag([1, -1, 1])).ravel().tolist())
    image.SetSpacing((0.5, 0.75, 2.25))
    image.SetOrigin((-30.0, 12.5, 101.0))
    return image


def corners(image: sitk.Image) -> NDArray[np.float64]:
    """Where in the world the corner voxels lie."""
    return np.array(
        [
            image.TransformIndexToPhysicalPoint(index)
            for index in product(*((0, n - 1) for n in image.GetSize()))
        ]
    )


def by_hand(volume: Volume, index: tuple[int, int, int]) -> NDArray[np.float64]:
    """Physical position (z, y, x) of a voxel, from the volume's own geometry."""
    position = volume.origin + volume.direction @ (np.array(index) * volume.spacing)
    return np.asarray(position)


@pytest.mark.parametrize("ending", MEDICAL)
def test_a_segmentation_lies_in_the_world_where_its_image_does(tmp_path: Path, ending: str) -> None:
    source, target = tmp_path / f"image{ending}", tmp_path / f"labels{ending}"
    sitk.WriteImage(oblique_image(), str(source))
    volume = read_volume(source)
    labels = (RAMP % 3).astype(np.uint8)
    write_volume(target, volume.like(labels))
    image, written = sitk.ReadImage(str(source)), sitk.ReadImage(str(target))
    np.testing.assert_allclose(corners(written), corners(image), atol=1e-4)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(written), labels)
    np.testing.assert_array_equal(read_labels(target, volume), labels)


@pytest.mark.parametrize("ending", MEDICAL)
def test_a_volume_knows_where_its_voxels_lie(tmp_path: Path, ending: str) -> None:
    sitk.WriteImage(oblique_image(), str(tmp_path / f"image{ending}"))
    volume = read_volume(tmp_path / f"image{ending}")
    np.testing.assert_allclose(volume.spacing, (2.25, 0.75, 0.5), rtol=1e-6)
    for z, y, x in [(0, 0, 0), (8, 0, 0), (0, 9, 0), (0, 0, 11), (4, 5, 6)]:
        xyz = oblique_image().TransformIndexToPhysicalPoint((x, y, z))
        np.testing.assert_allclose(by_hand(volume, (z, y, x))[::-1], xyz, atol=1e-4)


def test_channels_of_a_4d_file_share_its_geometry(tmp_path: Path) -> None:
    file = tmp_path / "modalities.nii.gz"
    sitk.WriteImage(sitk.JoinSeries([oblique_image(), oblique_image() + 1]), str(file))
    volume = read_volume(file)
    assert volume.channels.shape == (2, *SHAPE)
    np.testing.assert_allclose(volume.spacing, (2.25, 0.75, 0.5), rtol=1e-6)
    xyz = oblique_image().TransformIndexToPhysicalPoint((11, 0, 8))
    np.testing.assert_allclose(by_hand(volume, (8, 0, 11))[::-1], xyz, atol=1e-4)


def test_components_become_channels(tmp_path: Path) -> None:
    file = tmp_path / "field.mha"
    sitk.WriteImage(sitk.Compose(oblique_image(), oblique_image() + 1), str(file))
    volume = read_volume(file)
    np.testing.assert_array_equal(volume.channels, [RAMP, RAMP + 1])


def test_scaled_integers_are_read_as_the_values_they_mean(tmp_path: Path) -> None:
    file = tmp_path / "scan.nii"
    sitk.WriteImage(oblique_image(), str(file))
    header = bytearray(file.read_bytes())
    header[112:116] = np.float32(0.25).tobytes()  # scl_slope
    file.write_bytes(header)
    np.testing.assert_allclose(read_volume(file).data, RAMP * 0.25)


def test_a_tiff_keeps_its_spacing(tmp_path: Path) -> None:
    labels = Volume((RAMP % 4).astype(np.uint8), (2.0, 0.5, 0.25))
    write_volume(tmp_path / "labels.tif", labels)
    volume = read_volume(tmp_path / "labels.tif")
    np.testing.assert_array_equal(volume.data, labels.data)
    np.testing.assert_allclose(volume.spacing, labels.spacing)


def test_an_ome_tiff_keeps_its_spacing(tmp_path: Path) -> None:
    metadata = {"PhysicalSizeZ": 2.0, "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.25}
    tifffile.imwrite(
        tmp_path / "scan.ome.tif", RAMP, ome=True, metadata={"axes": "ZYX", **metadata}
    )
    volume = read_volume(tmp_path / "scan.ome.tif")
    np.testing.assert_array_equal(volume.data, RAMP)
    np.testing.assert_allclose(volume.spacing, (2.0, 0.5, 0.25))


def test_dots_per_inch_are_no_spacing(tmp_path: Path) -> None:
    file = tmp_path / "scan.tif"
    tifffile.imwrite(file, RAMP, resolution=(72, 72), resolutionunit="INCH", photometric=1)
    assert read_volume(file).spacing == (1, 1, 1)


def test_a_bare_array_goes_through_npy(tmp_path: Path) -> None:
    labels = (RAMP % 200).astype(np.uint8)
    write_volume(tmp_path / "new" / "labels.npy", Volume(labels))
    np.testing.assert_array_equal(read_volume(tmp_path / "new" / "labels.npy").data, labels)


@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".nrrd", ".mha", ".tif", ".npy"])
@pytest.mark.parametrize("damage", ["no bytes", "truncated", "text", "another format"])
def test_a_file_that_is_no_image_is_refused(tmp_path: Path, ending: str, damage: str) -> None:
    file = tmp_path / f"scan{ending}"
    write_volume(file, Volume((RAMP % 200).astype(np.uint8)))
    whole = file.read_bytes()
    if damage == "another format":
        np.savez(tmp_path / "other.npz", RAMP)
        whole = (tmp_path / "other.npz").read_bytes()
        (tmp_path / "other.npz").unlink()
    file.write_bytes(
        {
            "no bytes": b"",
            "truncated": whole[: len(whole) // 2],
            "text": b"not an image\n" * 99,
        }.get(damage, whole)
    )
    with pytest.raises(Problem, match=r"scan.* cannot be read as an image"):
        read_volume(file)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("name", ["absent.nii.gz", "absent.txt"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(Problem, match=f"There is no file .*{name}"):
        read_volume(tmp_path / name)


def test_an_unknown_ending_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(Problem, match=r"notes\.txt is no image") as caught:
        read_volume(tmp_path / "notes.txt")
    assert all(suffix in str(caught.value) for suffix in SUFFIXES)
    with pytest.raises(Problem, match=r"labels\.doc is no image"):
        write_volume(tmp_path / "labels.doc", Volume(RAMP))
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (sitk.Image((16, 16), sitk.sitkUInt8) + 1, "is 2-D"),
        (sitk.Image((16, 16), sitk.sitkVectorUInt8, 3), "RGB"),
        (
            sitk.GetImageFromArray(
                np.eye(16 * 16, 48, dtype=np.uint8).reshape(16, 16, 16, 3), True
            ),
            "RGB",
        ),
        (sitk.Image((16, 16, 16), sitk.sitkUInt8), "same value everywhere"),
    ],
)
def test_images_that_cannot_be_learned_from_are_refused(
    tmp_path: Path, image: sitk.Image, sentence: str
) -> None:
    sitk.WriteImage(image, str(tmp_path / "scan.mha"))
    with pytest.raises(Problem, match=sentence):
        read_volume(tmp_path / "scan.mha")


def test_classes_over_254_are_refused(tmp_path: Path) -> None:
    image = Volume(RAMP)
    labels = np.zeros(SHAPE, np.uint16)
    labels[4] = 255
    sitk.WriteImage(sitk.GetImageFromArray(labels), str(tmp_path / "labels.nrrd"))
    with pytest.raises(Problem, match="class 255"):
        read_labels(tmp_path / "labels.nrrd", image)


@pytest.mark.parametrize("ending", [".nii.gz", ".mha", ".tif", ".npy"])
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, ending: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Problem, match="Cannot write"):
        write_volume(tmp_path / "file" / f"labels{ending}", Volume(RAMP.astype(np.uint8)))
    with pytest.raises(Problem, match="Cannot write"):
        write_volume(Path(f"/proc/labels{ending}"), Volume(RAMP.astype(np.uint8)))


@pytest.mark.parametrize(("said", "size"), [(-2.0, 2.0), (0.0, 1.0), (np.nan, 1.0), (np.inf, 1.0)])
@pytest.mark.parametrize("ending", [".tif", ".ome.tif"])
def test_a_tiff_whose_voxels_are_said_to_be_of_no_size(
    tmp_path: Path, ending: str, said: float, size: float
) -> None:
    file = tmp_path / f"scan{ending}"
    about = {"PhysicalSizeX": 0.5, "PhysicalSizeZ": said} if "ome" in ending else {"spacing": said}
    kind = {"ome": True} if "ome" in ending else {"imagej": True, "resolution": (2, 1)}
    metadata = {"axes": "ZYX", **about}
    tifffile.imwrite(file, RAMP, metadata=metadata, photometric="minisblack", **kind)
    assert read_volume(file).spacing == (size, 1.0, 0.5)


@pytest.mark.parametrize("dtype", ["float16", ">u2", ">f4", "bool"])
@pytest.mark.parametrize("ending", MEDICAL)
def test_numbers_that_simpleitk_does_not_know_are_written_as_they_are(
    tmp_path: Path, ending: str, dtype: str
) -> None:
    data = (RAMP % 200).astype(dtype)
    write_volume(tmp_path / f"scan{ending}", Volume(data))
    np.testing.assert_array_equal(read_volume(tmp_path / f"scan{ending}").data, data)
