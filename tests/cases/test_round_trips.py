"""Every format there and back, with another library at the other end than the one that we use."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import nibabel
import nrrd
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import tifffile
import zarr
from numpy.typing import NDArray
from ome_zarr.format import FormatV04, FormatV05
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr.writer import write_image
from PIL import Image as Pillow
from scipy.spatial.transform import Rotation

from napari_densify.cases.formats import read_any, write_volume
from napari_densify.cases.project import Label
from napari_densify.cases.volume import Volume

SHAPE = (9, 10, 12)
TURN = Rotation.from_euler("xyz", [20, -35, 50], degrees=True).as_matrix()
PLACES = {
    "axis-aligned": Volume(np.empty(0), (1.0, 1.0, 1.0)),
    "anisotropic": Volume(np.empty(0), (2.25, 0.75, 0.5), (-30.0, 12.5, 101.0)),
    "flipped": Volume(np.empty(0), (2.25, 0.75, 0.5), (3.0, 4.0, 5.0), np.diag([1.0, -1.0, -1.0])),
    "rotated": Volume(np.empty(0), (2.25, 0.75, 0.5), (-30.0, 12.5, 101.0), TURN),
    "rotated and flipped": Volume(
        np.empty(0), (2.25, 0.75, 0.5), (-30.0, 12.5, 101.0), TURN @ np.diag([1.0, 1.0, -1.0])
    ),
}
TYPES = ["uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"]
CLASSES = [
    Label(label=1, name="liver", colour="#ff8000"),
    Label(label=2, name="left kidney", colour="#0080ff"),
]


def values(dtype: str, channels: int = 1) -> NDArray[Any]:
    """Values that use the type's range, of one or more channels."""
    shape = (channels, *SHAPE) if channels > 1 else SHAPE
    unit = np.random.default_rng(0).random(shape)
    if dtype.startswith("float"):
        return (unit * 1e3 - 500).astype(dtype)
    info = np.iinfo(dtype)
    return (unit * (float(info.max) - info.min) + info.min).astype(dtype)


def scan(place: str, dtype: str = "int16", channels: int = 1) -> Volume:
    return replace(PLACES[place], data=values(dtype, channels), unit="millimeter")


CORNERS = np.array(list(product(*((0, n - 1) for n in SHAPE))))


def corners(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Physical positions (z, y, x) of the corner voxels."""
    return CORNERS @ affine[:3, :3].T + affine[:3, 3]


def agrees(volume: Volume, image: Volume, atol: float = 1e-4) -> None:
    np.testing.assert_array_equal(volume.data, image.data)
    np.testing.assert_allclose(corners(volume.affine), corners(image.affine), atol=atol)


FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From nibabel's world (right, anterior, superior) to DICOM's and ITK's (left, posterior, …)."""


def to_xyz(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of an affine over z, y, x the one over x, y, z; and back."""
    swap = np.eye(4)[[2, 1, 0, 3]]
    return np.asarray(swap @ affine @ swap)


def nifti_by_nibabel(path: Path, image: Volume) -> None:
    # nibabel's arrays are x, y, z, channels.
    affine = FLIP @ to_xyz(image.affine)
    nibabel.save(nibabel.Nifti1Image(image.data.T, affine, dtype=image.data.dtype), path)


def by_nibabel(path: Path) -> tuple[NDArray[Any], NDArray[np.float64]]:
    image = nibabel.load(path)
    return np.asanyarray(image.dataobj).T, to_xyz(FLIP @ image.affine)


def nrrd_by_pynrrd(path: Path, image: Volume) -> None:
    affine = to_xyz(image.affine)
    nrrd.write(
        str(path),
        image.data,
        {
            "space": "left-posterior-superior",
            "space directions": affine[:3, :3].T,
            "space origin": affine[:3, 3],
        },
        index_order="C",
    )


def by_pynrrd(path: Path) -> tuple[NDArray[Any], NDArray[np.float64]]:
    data, header = nrrd.read(str(path), index_order="C")
    affine = np.eye(4)
    affine[:3, :3] = header["space directions"][:3, :3].T
    affine[:3, 3] = header["space origin"][:3]
    return data, to_xyz(affine)


def mha_by_hand(path: Path, image: Volume) -> None:
    affine = to_xyz(image.affine)
    types = {"uint8": "UCHAR", "int16": "SHORT", "uint16": "USHORT", "int32": "INT"}
    types |= {"uint32": "UINT", "float32": "FLOAT", "float64": "DOUBLE"}
    header = {
        "ObjectType": "Image",
        "NDims": 3,
        "BinaryData": True,
        "BinaryDataByteOrderMSB": False,
        "TransformMatrix": _words((affine[:3, :3] / image.spacing[::-1]).T.ravel()),
        "Offset": _words(affine[:3, 3]),
        "ElementSpacing": _words(image.spacing[::-1]),
        "DimSize": _words(SHAPE[::-1]),
        "ElementType": f"MET_{types[image.data.dtype.name]}",
        "ElementDataFile": "LOCAL",
    }
    text = "".join(f"{key} = {value}\n" for key, value in header.items())
    path.write_bytes(text.encode() + image.data.tobytes())


def by_hand(path: Path) -> tuple[NDArray[Any], NDArray[np.float64]]:
    head, _, rest = path.read_bytes().partition(b"ElementDataFile = LOCAL\n")
    said = dict(line.split(" = ", 1) for line in head.decode().splitlines())
    size = tuple(map(int, said["DimSize"].split()))
    kind = {"MET_UCHAR": "u1", "MET_FLOAT": "<f4"}[said["ElementType"]]
    data = np.frombuffer(zlib.decompress(rest), kind).reshape(size[::-1])
    n = int(said["NDims"])
    matrix = np.array(said["TransformMatrix"].split(), float).reshape(n, n)[:3, :3].T
    affine = np.eye(4)
    affine[:3, :3] = matrix * np.array(said["ElementSpacing"].split(), float)[:3]
    affine[:3, 3] = np.array(said["Offset"].split(), float)[:3]
    return data, to_xyz(affine)


def _words(numbers: Any) -> str:
    return " ".join(f"{n:.12g}" for n in numbers)


WRITERS: dict[str, Callable[[Path, Volume], None]] = {
    ".nii.gz": nifti_by_nibabel,
    ".nii": nifti_by_nibabel,
    ".nrrd": nrrd_by_pynrrd,
    ".mha": mha_by_hand,
}
READERS: dict[str, Callable[[Path], tuple[NDArray[Any], NDArray[np.float64]]]] = {
    ".nii.gz": by_nibabel,
    ".nii": by_nibabel,
    ".nrrd": by_pynrrd,
    ".seg.nrrd": by_pynrrd,
    ".mha": by_hand,
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("ending", WRITERS)
def test_what_others_write_is_read_where_it_lies(tmp_path: Path, ending: str, place: str) -> None:
    image = scan(place)
    WRITERS[ending](tmp_path / f"scan{ending}", image)
    agrees(read_any(tmp_path / f"scan{ending}"), image)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("ending", WRITERS)
def test_every_type_of_number_is_read(tmp_path: Path, ending: str, dtype: str) -> None:
    image = scan("rotated", dtype)
    WRITERS[ending](tmp_path / f"scan{ending}", image)
    volume = read_any(tmp_path / f"scan{ending}")
    assert volume.data.dtype == dtype
    agrees(volume, image)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("ending", READERS)
def test_labels_are_read_by_others_where_the_image_lies(
    tmp_path: Path, ending: str, place: str
) -> None:
    """And SimpleITK says of image and labels that the same voxels lie at the same places."""
    source, target = tmp_path / "scan.nrrd", tmp_path / f"labels{ending}"
    nrrd_by_pynrrd(source, scan(place))
    image = read_any(source)
    labels = (values("uint8") % 3).astype(np.uint8)
    write_volume(target, image.like(labels), CLASSES, image)
    data, affine = READERS[ending](target)
    np.testing.assert_array_equal(data, labels)
    np.testing.assert_allclose(corners(affine), corners(image.affine), atol=1e-4)
    one, other = sitk.ReadImage(str(source)), sitk.ReadImage(str(target))
    for corner in CORNERS[:, ::-1].tolist():
        np.testing.assert_allclose(
            one.TransformIndexToPhysicalPoint(corner),
            other.TransformIndexToPhysicalPoint(corner),
            atol=1e-4,
        )
    agrees(read_any(target), image.like(labels))


@pytest.mark.parametrize("place", ["flipped", "rotated"])
@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha"])
def test_probabilities_of_several_classes(tmp_path: Path, ending: str, place: str) -> None:
    chance = scan(place, "float32", channels=2)
    target = tmp_path / f"chance{ending}"
    write_volume(target, chance, CLASSES)
    data, affine = READERS[ending](target)
    np.testing.assert_array_equal(data, chance.data)
    np.testing.assert_allclose(corners(affine), corners(chance.affine), atol=1e-4)
    agrees(read_any(target), chance)


def test_two_channels_of_a_nifti_by_nibabel(tmp_path: Path) -> None:
    image = scan("rotated", "float32", channels=2)
    nifti_by_nibabel(tmp_path / "modalities.nii.gz", image)
    agrees(read_any(tmp_path / "modalities.nii.gz"), image)


def test_3d_slicer_finds_names_and_colours(tmp_path: Path) -> None:
    image = scan("rotated")
    write_volume(tmp_path / "x.seg.nrrd", image.like(values("uint8") % 3), CLASSES)
    header = nrrd.read_header(str(tmp_path / "x.seg.nrrd"))
    assert [header[f"Segment{i}_Name"] for i in (0, 1)] == ["liver", "left kidney"]
    assert [header[f"Segment{i}_LabelValue"] for i in (0, 1)] == ["1", "2"]
    np.testing.assert_allclose(
        np.array(header["Segment0_Color"].split(), float), [1, 0.502, 0], atol=1e-3
    )


# TIFF: spacing only; ours keep the rest in ImageJ's notes.


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "int16", "int32", "float64"])
@pytest.mark.parametrize("channels", [1, 2])
def test_ome_tiffs_by_tifffile(tmp_path: Path, dtype: str, channels: int) -> None:
    data = values(dtype, channels)
    axes = "CZYX" if channels > 1 else "ZYX"
    sizes = {"PhysicalSizeZ": 2.25, "PhysicalSizeY": 0.75, "PhysicalSizeX": 0.5}
    tifffile.imwrite(
        tmp_path / "scan.ome.tif", data, ome=True, photometric="minisblack",
        metadata={"axes": axes, **sizes},
    )  # fmt: skip
    volume = read_any(tmp_path / "scan.ome.tif")
    np.testing.assert_array_equal(volume.data, data)
    assert volume.spacing == (2.25, 0.75, 0.5)
    assert volume.unit == "micrometer"


def by_pillow(path: Path) -> NDArray[Any]:
    with Pillow.open(path) as image:
        pages = []
        for page in range(image.n_frames):
            image.seek(page)
            pages.append(np.array(image))
    return np.array(pages)


@pytest.mark.parametrize("ending", [".tif", ".ome.tif"])
@pytest.mark.parametrize("unit", ["millimeter", "micrometer"])
def test_tiffs_of_labels(tmp_path: Path, ending: str, unit: str) -> None:
    labels = (values("uint8") % 3).astype(np.uint8)
    image = replace(PLACES["anisotropic"], data=labels, unit=unit)
    write_volume(tmp_path / f"labels{ending}", image, CLASSES)
    np.testing.assert_array_equal(by_pillow(tmp_path / f"labels{ending}"), labels)
    volume = read_any(tmp_path / f"labels{ending}")
    np.testing.assert_allclose(volume.spacing, image.spacing, rtol=1e-5)
    assert volume.unit == unit


@pytest.mark.parametrize("ending", [".tif", ".ome.tif"])
@pytest.mark.parametrize(
    ("unit", "read", "factor"),
    [("meter", "centimeter", 100.0), ("angstrom", "nanometer", 0.1), ("", "", 1.0)],
)
def test_tiffs_measure_in_a_unit_that_they_have(
    tmp_path: Path, ending: str, unit: str, read: str, factor: float
) -> None:
    image = replace(PLACES["anisotropic"], data=values("uint8"), unit=unit)
    write_volume(tmp_path / f"a{ending}", image)
    volume = read_any(tmp_path / f"a{ending}")
    assert volume.unit == read
    np.testing.assert_allclose(volume.spacing, np.multiply(image.spacing, factor), rtol=1e-4)


def test_axes_of_a_tiff_in_any_order_are_those_of_the_image(tmp_path: Path) -> None:
    hyperstack = np.arange(2 * 5 * 3 * 6 * 7, dtype=np.uint16).reshape(2, 5, 3, 6, 7)
    tifffile.imwrite(tmp_path / "a.tif", hyperstack, imagej=True, metadata={"axes": "TZCYX"})
    np.testing.assert_array_equal(read_any(tmp_path / "a.tif").data, hyperstack.swapaxes(1, 2))


def test_axes_that_are_measured_in_other_units_are_brought_to_one(tmp_path: Path) -> None:
    sizes = {"PhysicalSizeZ": 1, "PhysicalSizeY": 200, "PhysicalSizeX": 200}
    units = {"PhysicalSizeZUnit": "µm", "PhysicalSizeYUnit": "nm", "PhysicalSizeXUnit": "nm"}
    tifffile.imwrite(
        tmp_path / "a.ome.tif", values("uint8"), ome=True, photometric="minisblack",
        metadata={"axes": "ZYX", **sizes, **units},
    )  # fmt: skip
    volume = read_any(tmp_path / "a.ome.tif")
    assert volume.spacing == pytest.approx((1000, 200, 200))
    assert volume.unit == "nanometer"


@pytest.mark.parametrize("ending", [".tif", ".ome.tif"])
@pytest.mark.parametrize("place", PLACES)
def test_our_own_tiffs_know_where_they_lie(tmp_path: Path, place: str, ending: str) -> None:
    labels = scan(place).like((values("uint8") % 3).astype(np.uint8))
    write_volume(tmp_path / f"labels{ending}", labels, CLASSES)
    volume = read_any(tmp_path / f"labels{ending}")
    agrees(volume, labels)
    assert not volume.unplaced


@pytest.mark.parametrize("kind", [{"imagej": True}, {"ome": True}])
def test_tiffs_of_others_do_not_know_where_they_lie(tmp_path: Path, kind: dict[str, bool]) -> None:
    path = tmp_path / ("a.ome.tif" if "ome" in kind else "a.tif")
    about = {"axes": "ZYX", "unit": "mm"}
    tifffile.imwrite(path, values("uint8"), photometric="minisblack", metadata=about, **kind)
    assert read_any(path).unplaced


def test_tiffs_of_probabilities(tmp_path: Path) -> None:
    chance = scan("anisotropic", "float32", channels=2)
    for name in ("chance.tif", "chance.ome.tif"):
        write_volume(tmp_path / name, chance, CLASSES)
        np.testing.assert_array_equal(read_any(tmp_path / name).data, chance.data)
        planes = chance.data.swapaxes(0, 1).reshape(-1, *SHAPE[1:])
        np.testing.assert_array_equal(by_pillow(tmp_path / name), planes)


# OME-Zarr


def zarr_by_ome(path: Path, image: Volume, version: str) -> None:
    form = {"0.4": FormatV04(), "0.5": FormatV05()}[version]
    group = zarr.open_group(path, mode="w", zarr_format=form.zarr_format)
    axes = [{"name": name, "type": "space", "unit": image.unit} for name in "zyx"]
    scale, shift = list(image.spacing), list(image.origin)
    if image.data.ndim == 4:
        axes, scale, shift = [{"name": "c", "type": "channel"}, *axes], [1, *scale], [0, *shift]
    placed = [
        {"type": "scale", "scale": scale},
        {"type": "translation", "translation": shift},
    ]
    write_image(
        image.data, group, scaler=None, axes=axes, fmt=form, coordinate_transformations=[placed]
    )


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
def test_ome_zarrs_by_ome_zarr(tmp_path: Path, version: str, channels: int, dtype: str) -> None:
    image = scan("anisotropic", dtype, channels)
    zarr_by_ome(tmp_path / "scan.ome.zarr", image, version)
    volume = read_any(tmp_path / "scan.ome.zarr")
    agrees(volume, image)
    assert volume.unit == "millimeter"


@pytest.mark.parametrize("channels", [1, 2])
def test_labels_with_their_image_are_read_by_ome_zarr(tmp_path: Path, channels: int) -> None:
    image = scan("anisotropic", channels=channels)
    labels = image.like((values("uint8") % 3).astype(np.uint8))
    write_volume(tmp_path / "x.ome.zarr", labels, CLASSES, image)
    nodes = list(Reader(parse_url(tmp_path / "x.ome.zarr"))())
    by_path = {Path(node.zarr.path or "").name: node for node in nodes}
    shown = by_path["segmentation"]
    np.testing.assert_array_equal(np.asarray(shown.data[0]), labels.data)
    np.testing.assert_array_equal(np.asarray(nodes[0].data[0]), image.data)
    scale, shift = shown.metadata["coordinateTransformations"][0]
    assert (scale["scale"], shift["translation"]) == ([2.25, 0.75, 0.5], [-30.0, 12.5, 101.0])
    assert shown.metadata["color"] == {1: [1, 128 / 255, 0, 1], 2: [0, 128 / 255, 1, 1]}
    assert shown.metadata["properties"][1]["name"] == "liver"
    agrees(read_any(tmp_path / "x.ome.zarr"), image)
    agrees(read_any(tmp_path / "x.ome.zarr" / "labels" / "segmentation"), labels)


@pytest.mark.parametrize("place", PLACES)
def test_our_own_zarrs_know_where_they_lie(tmp_path: Path, place: str) -> None:
    """OME-Zarr before 0.6 knows no rotation, so ours keep it beside."""
    chance = scan(place, "float32", channels=2)
    write_volume(tmp_path / "chance.zarr", chance, CLASSES)
    agrees(read_any(tmp_path / "chance.zarr"), chance)


def test_an_exported_folder_replaces_the_one_before(tmp_path: Path) -> None:
    first, second = scan("anisotropic"), scan("anisotropic", "float32")
    for image in (first, second):
        write_volume(tmp_path / "x.zarr", image)
    agrees(read_any(tmp_path / "x.zarr"), second)
    assert [p.name for p in tmp_path.iterdir()] == ["x.zarr"]


@pytest.mark.parametrize("dtype", [*TYPES, ">i2", ">f4"])
def test_npy_files(tmp_path: Path, dtype: str) -> None:
    data = values(np.dtype(dtype).newbyteorder("=").name).astype(dtype)
    np.save(tmp_path / "scan.npy", data)
    volume = read_any(tmp_path / "scan.npy")
    np.testing.assert_array_equal(volume.data, data)
    assert volume.data.dtype.isnative
