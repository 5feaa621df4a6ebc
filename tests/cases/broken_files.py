"""A hundred files that are no images, made from good ones."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from napari_densify.cases.formats import write_volume
from napari_densify.cases.volume import Volume

from .dicom_files import write_series

RAMP = np.arange(9 * 10 * 12, dtype=np.uint8).reshape(9, 10, 12)
ENDINGS = (".nii", ".nii.gz", ".nrrd", ".mha", ".tif", ".ome.tif", ".npy")
TEXT = b"Dear colleague, please find the images attached.\n" * 40
PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + bytes(range(200))
HUGE = 100_000
"""Voxels along each side that a lying header claims: a petabyte."""


def _nifti(change: Callable[[bytearray], None]) -> Callable[[bytes], bytes]:
    def damage(whole: bytes) -> bytes:
        packed = whole[:2] == b"\x1f\x8b"
        header = bytearray(gzip.decompress(whole) if packed else whole)
        change(header)
        return gzip.compress(bytes(header)) if packed else bytes(header)

    return damage


def _sizes(header: bytearray) -> None:
    header[42:48] = np.array([32767] * 3, "<i2").tobytes()


def _swapped(header: bytearray) -> None:
    header[40:56] = np.frombuffer(header[40:56], "<i2").astype(">i2").tobytes()


def _kind(header: bytearray) -> None:
    header[70:74] = np.array([77, 77], "<i2").tobytes()


def _not_a_number(header: bytearray) -> None:
    header[76:92] = np.full(4, np.nan, "<f4").tobytes()
    header[252:256] = np.array([0, 1], "<i2").tobytes()
    header[280:296] = np.full(4, np.nan, "<f4").tobytes()


def _in_text(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def damage(whole: bytes) -> bytes:
        assert old in whole, old
        return whole.replace(old, new, 1)

    return damage


def _tag(number: int, value: int) -> Callable[[bytes], bytes]:
    """Another value of a TIFF tag (little-endian) in all its pages."""

    def damage(whole: bytes) -> bytes:
        out = bytearray(whole)
        at = whole.find(np.uint16(number).tobytes())
        while at >= 0:
            kind = int.from_bytes(whole[at + 2 : at + 4], "little")
            if kind in (3, 4) and whole[at + 4 : at + 8] == b"\1\0\0\0":
                out[at + 2 : at + 4] = b"\4\0"
                out[at + 8 : at + 12] = np.uint32(value).tobytes()
            at = whole.find(np.uint16(number).tobytes(), at + 1)
        return bytes(out)

    return damage


LYING_NIFTI = {
    "huge": _nifti(_sizes),
    "wrong-endian": _nifti(_swapped),
    "of no kind": _nifti(_kind),
    "nowhere": _nifti(_not_a_number),
}
LYING_TIFF: dict[str, Callable[[bytes], bytes]] = {
    "huge": lambda whole: _tag(257, HUGE)(_tag(256, HUGE)(whole)),
    "wrong-endian": lambda whole: b"MM\0*" + whole[4:],
    "of no kind": _tag(258, 200),
}
LYING: dict[str, dict[str, Callable[[bytes], bytes]]] = {
    ".nii": LYING_NIFTI,
    ".nii.gz": LYING_NIFTI,
    ".tif": LYING_TIFF,
    ".ome.tif": LYING_TIFF,
    ".nrrd": {
        "huge": _in_text(b"sizes: 12 10 9", b"sizes: %d %d %d" % (HUGE, HUGE, HUGE)),
        "of no kind": _in_text(b"type: ", b"type: un"),
        "nowhere": _in_text(b"(1,0,0)", b"(0,0,0)"),
        "negative": _in_text(b"sizes: 12", b"sizes: -12"),
        "wrongly packed": _in_text(b"encoding: gzip", b"encoding: raw"),
    },
    ".mha": {
        "huge": _in_text(b"DimSize = 12 10 9", b"DimSize = %d %d %d" % (HUGE, HUGE, HUGE)),
        "of no kind": _in_text(b"MET_UCHAR", b"MET_WRONG"),
        "negative": _in_text(b"DimSize = 12", b"DimSize = -1"),
        "elsewhere": _in_text(b"ElementDataFile = LOCAL", b"ElementDataFile = gone.raw"),
    },
    ".npy": {
        "huge": _in_text(b"(9, 10, 12)", b"(99999, 99999, 9999)"),
        "of no kind": _in_text(b"|u1", b"|O1"),
        "wrong-endian": lambda whole: whole[:8] + whole[9:10] + whole[8:9] + whole[10:],
        "negative": _in_text(b"(9, 10,", b"(9,-10,"),
    },
}


def make_broken(folder: Path) -> list[Path]:
    """Write them all; each path is an image that must be refused."""
    folder.mkdir()
    good = folder.parent / "good"
    good.mkdir()
    image = Volume(RAMP)
    files = []
    for number, ending in enumerate(ENDINGS):
        write_volume(good / f"x{ending}", image)
        whole = (good / f"x{ending}").read_bytes()
        other = ENDINGS[number - 2]
        write_volume(good / f"y{other}", image)
        noise = np.random.default_rng(number).bytes(len(whole))
        broken = {
            "empty": b"",
            "begun": whole[:20],
            "half": whole[: len(whole) // 2],
            "cut": whole[:-64],
            "text": TEXT,
            "zeros": bytes(len(whole)),
            "noise": noise,
            "picture": PNG,
            "renamed": (good / f"y{other}").read_bytes(),
            **{name: damage(whole) for name, damage in LYING[ending].items()},
        }
        for name, content in broken.items():
            file = folder / f"{name}{ending}"
            file.write_bytes(content)
            files.append(file)
    files += _zarrs(folder, good, image)
    files += _dicoms(folder)
    (folder / "detached.mhd").write_text(
        "NDims = 3\nDimSize = 9 9 9\nElementType = MET_SHORT\nElementDataFile = gone.raw\n"
    )
    (folder / "folder.nii").mkdir()
    (folder / "dangling.nii.gz").symlink_to("gone.nii.gz")
    shutil.rmtree(good)
    return [*files, folder / "detached.mhd", folder / "folder.nii", folder / "dangling.nii.gz"]


def _zarrs(folder: Path, good: Path, image: Volume) -> list[Path]:
    write_volume(good / "x.ome.zarr", image)
    files = []

    def copy(name: str) -> Path:
        files.append(folder / f"{name}.ome.zarr")
        shutil.copytree(good / "x.ome.zarr", files[-1])
        return files[-1]

    def edit(file: Path, change: Callable[[dict], None]) -> None:  # type: ignore[type-arg]
        said = json.loads(file.read_text())
        change(said)
        file.write_text(json.dumps(said))

    def multiscale(said: dict) -> dict:  # type: ignore[type-arg]
        return said["attributes"]["ome"]["multiscales"][0]

    (copy("empty") / "zarr.json").write_text("")
    (copy("cut") / "zarr.json").write_text('{"zarr_format": 3, "node')
    shutil.rmtree(copy("without voxels") / "0")
    edit(copy("without axes") / "zarr.json", lambda said: multiscale(said).pop("axes"))
    edit(copy("of version 9") / "zarr.json", lambda s: s["attributes"]["ome"].update(version="9"))
    edit(copy("no image") / "zarr.json", lambda said: said["attributes"].clear())
    edit(copy("huge") / "0" / "zarr.json", lambda said: said.update(shape=[HUGE] * 3))
    edit(copy("flat") / "0" / "zarr.json", lambda said: said.update(shape=[HUGE]))
    for chunk in (copy("noise") / "0" / "c").rglob("*"):
        if chunk.is_file():
            chunk.write_bytes(np.random.default_rng(0).bytes(400))
    for chunk in (copy("cut chunk") / "0" / "c").rglob("*"):
        if chunk.is_file():
            chunk.write_bytes(chunk.read_bytes()[:40])
    files.append(folder / "nothing.zarr")
    files[-1].mkdir()
    return files


def _dicoms(folder: Path) -> list[Path]:
    image = Volume(RAMP.astype(np.int16))
    made = []
    for name, damage in {
        "text": lambda whole: TEXT,
        "empty": lambda whole: b"",
        "cut": lambda whole: whole[: len(whole) // 2],
        "zeros": lambda whole: whole[:132] + bytes(len(whole) - 132),
        # Rows (0028,0010) and columns (0028,0011)
        "huge": lambda whole: whole.replace(
            b"\x28\0\x10\0US\2\0\x0a\0", b"\x28\0\x10\0US\2\0\xff\xff"
        ).replace(b"\x28\0\x11\0US\2\0\x0c\0", b"\x28\0\x11\0US\2\0\xff\xff"),
    }.items():
        made.append(folder / f"dicom {name}")
        for file in write_series(made[-1], image):
            file.write_bytes(damage(file.read_bytes()))
    return made
