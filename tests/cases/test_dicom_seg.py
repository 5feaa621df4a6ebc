"""DICOM-SEG files: opened by pydicom and highdicom, and judged by dciodvfy."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest

from napari_densify.cases.formats import dicom_seg, read_volume
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label
from napari_densify.cases.volume import Volume

from .dicom_files import write_series
from .test_dicom import DIRECTIONS, scan

CLASSES = [
    Label(label=1, name="liver", colour="#ff8000"),
    Label(label=2, name="left kidney"),
    Label(label=3, name="Wucherung α", colour="#00ff00"),
    Label(label=4, name="not there"),
]


def made(folder: Path, kind: str = "oblique") -> tuple[Volume, Path]:
    """A segmentation of a series, and its file."""
    write_series(folder / "scan", scan(DIRECTIONS[kind]))
    volume = read_volume(folder / "scan")
    data = np.zeros(volume.shape, np.uint8)
    data[2:5, 3:6, 2:9], data[6, 1:4, 4:7], data[8:, 8:, 8:] = 1, 2, 3
    labels = volume.like(data)
    dicom_seg.write(folder / "seg.dcm", labels, CLASSES, folder / "scan")
    return labels, folder / "seg.dcm"


@pytest.mark.parametrize("kind", DIRECTIONS)
def test_every_voxel_is_where_its_image_is(tmp_path: Path, kind: str) -> None:
    labels, file = made(tmp_path, kind)
    seg = highdicom.seg.segread(file)
    for number, segment in enumerate((1, 2, 3), 1):
        whole = seg.get_volume(segment_numbers=[number], combine_segments=True)
        inside = np.argwhere(np.asarray(whole.array))
        at = whole.map_indices_to_reference(inside)
        mine = np.argwhere(labels.data == segment) @ labels.affine[:3, :3].T
        mine = (mine + labels.affine[:3, 3])[:, ::-1]
        order = [np.lexsort(np.round(p, 3).T) for p in (at, mine)]
        np.testing.assert_allclose(at[order[0]], mine[order[1]], atol=1e-3)


def test_it_names_its_segments_and_its_source(tmp_path: Path) -> None:
    _, file = made(tmp_path)
    seg = pydicom.dcmread(file)
    segments = seg.SegmentSequence
    assert [s.SegmentLabel for s in segments] == ["liver", "left kidney", "Wucherung α"]
    kinds = [s.SegmentedPropertyTypeCodeSequence[0] for s in segments]
    assert [(k.CodeValue, k.CodingSchemeDesignator) for k in kinds[:2]] == [
        ("10200004", "SCT"), ("64033007", "SCT"),
    ]  # fmt: skip
    assert kinds[2].CodingSchemeDesignator == "99DENSIFY"
    sources = {pydicom.dcmread(f).SOPInstanceUID for f in (tmp_path / "scan").iterdir()}
    series = seg.ReferencedSeriesSequence[0]
    assert {r.ReferencedSOPInstanceUID for r in series.ReferencedInstanceSequence} <= sources
    assert (
        seg.FrameOfReferenceUID
        == pydicom.dcmread(next((tmp_path / "scan").iterdir())).FrameOfReferenceUID
    )
    assert seg.PatientID == "12345"


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="dciodvfy (Debian: dicom3tools) not there")
def test_dciodvfy_finds_no_error(tmp_path: Path) -> None:
    _, file = made(tmp_path)
    done = subprocess.run(["dciodvfy", file], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert "Segmentation" in said, "it knows what it is"
    assert not [line for line in said.splitlines() if line.startswith("Error")]


def test_what_cannot_be_a_dicom_seg_is_refused(tmp_path: Path) -> None:
    labels, _ = made(tmp_path)
    for source in (None, tmp_path / "note.nii"):
        with pytest.raises(Problem, match="choose another format"):
            dicom_seg.write(tmp_path / "x.dcm", labels, CLASSES, source)
    empty, short = labels.like(np.zeros_like(labels.data)), labels.like(labels.data[:8])
    with pytest.raises(Problem, match="Nothing is segmented"):
        dicom_seg.write(tmp_path / "x.dcm", empty, CLASSES, tmp_path / "scan")
    with pytest.raises(Problem, match="other slices"):
        dicom_seg.write(tmp_path / "x.dcm", short, CLASSES, tmp_path / "scan")
    assert not (tmp_path / "x.dcm").exists()
