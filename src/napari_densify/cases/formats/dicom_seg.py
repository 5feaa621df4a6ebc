"""DICOM-SEG through highdicom: a segmentation that refers to the images it was made on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_densify import __version__
from napari_densify.cases.formats import dicom
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label
from napari_densify.cases.reference import is_dicom
from napari_densify.cases.volume import Volume

if TYPE_CHECKING:
    from pydicom.sr.coding import Code

SUFFIXES = (".dcm",)
OWN_CODES = "99DENSIFY"
"""Coding scheme of names that SNOMED CT does not have; 99 marks private ones (PS3.16, 8.2)."""

SIDES = ("left", "right", "the")


def write(path: Path, labels: Volume, classes: Sequence[Label], source: Path | None) -> None:
    """Write a binary segmentation of a DICOM series, a segment each structure.

    Parameters
    ----------
    path : Path
    labels : Volume
        uint8; 0 = background, else the labels of `classes`.
    classes : sequence of Label
        Structures; those without a voxel are left out, as a segment must have one.
    source : Path or None
        The series' folder or one of its files.

    Raises
    ------
    Problem
        If highdicom is not installed, the image is no DICOM series or has another grid, or nothing
        is segmented.
    """
    try:
        import highdicom
        import pydicom
    except ModuleNotFoundError as error:
        raise Problem(
            "DICOM-SEG takes highdicom; install it with pip install “napari-densify[dicom]”."
        ) from error
    if source is None or not is_dicom(source):
        raise Problem("DICOM-SEG refers to DICOM images; choose another format for this image.")
    files = dicom.ordered(dicom.choose(source), source.name)
    if len(files) not in (1, labels.shape[0]):
        raise Problem(f"“{source.name}” has other slices than the segmentation; choose its series.")
    present = [c for c in classes if (labels.data == c.label).any()]
    if not present:
        raise Problem("Nothing is segmented yet; there is nothing to write into a DICOM-SEG.")
    numbers = np.zeros(256, np.uint8)
    for number, each in enumerate(present, 1):
        numbers[each.label] = number
    segmentation = highdicom.seg.Segmentation(
        source_images=[pydicom.dcmread(file, stop_before_pixels=True) for file in files],
        pixel_array=numbers[labels.data],
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_describe(n, each) for n, each in enumerate(present, 1)],
        series_instance_uid=highdicom.UID(),
        series_number=100,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="napari-densify developers",
        manufacturer_model_name="napari-densify",
        software_versions=__version__,
        device_serial_number="1",
        content_label="SEGMENTATION",
        content_description="Segmentation by napari-densify",
    )
    segmentation.SpecificCharacterSet = "ISO_IR 192"  # UTF-8, for names of any language
    segmentation.SeriesDescription = "Segmentation by napari-densify"
    segmentation.save_as(path)


def code_of(name: str) -> Code:
    """The code of a structure's name: SNOMED CT's where it has that name, else one of our own.

    “left kidney” and “kidney” are the same structure; sides are told by the segment's label.
    """
    from pydicom.sr.codedict import codes
    from pydicom.sr.coding import Code

    words = [word for word in name.replace("_", " ").split() if word.lower() not in SIDES]
    known = getattr(codes.SCT, "".join(word.capitalize() for word in words) or "-", None)
    if isinstance(known, Code):
        return known
    value = "".join(c for c in name.upper() if c.isascii() and c.isalnum())[:16] or "STRUCTURE"
    return Code(value, OWN_CODES, name[:64] or "structure")


def _describe(number: int, each: Label) -> Any:
    import highdicom
    from pydicom.sr.codedict import codes

    method = highdicom.AlgorithmIdentificationSequence(
        name="napari-densify", family=codes.DCM.ArtificialIntelligence, version=__version__
    )
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=each.name[:64],
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=code_of(each.name),
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
        algorithm_identification=method,
        display_color=highdicom.color.CIELabColor.from_rgb(*each.rgb) if each.rgb else None,
    )
