"""DICOM series as a scanner writes them, made by pydicom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from napari_densify.cases.volume import Volume


def write_series(
    folder: Path,
    volume: Volume,
    *,
    skip: Sequence[int] = (),
    prefix: str = "IM",
    positions: NDArray[np.float64] | None = None,
    directions: Sequence[NDArray[np.float64]] | None = None,
    slope: float = 1.0,
) -> list[Path]:
    """Write a CT series, its files named in another order than the slices lie.

    Parameters
    ----------
    volume : Volume
        Of int16 values; (z, y, x) geometry.
    skip : sequence of ints
        Slices to leave out.
    positions : (n, 3) array, optional
        Positions (x, y, z) of the slices other than the volume's.
    directions : sequence of (3, 3) arrays, optional
        Directions of the slices other than the volume's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    series, study, frame = generate_uid(), generate_uid(), generate_uid()
    files = []
    for number, values in enumerate(volume.data):
        if number in skip:
            continue
        direction = volume.direction if directions is None else directions[number]
        at = (volume.affine @ (number, 0, 0, 1))[2::-1] if positions is None else positions[number]
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        file = folder / f"{prefix}{(number * 7) % 101:03d}.dcm"
        data = FileDataset(str(file), {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        data.PatientName, data.PatientID = "DOE^JOHN", "12345"
        data.PatientBirthDate, data.PatientSex = "19700101", "O"
        data.StudyInstanceUID, data.SeriesInstanceUID = study, series
        data.FrameOfReferenceUID, data.PositionReferenceIndicator = frame, ""
        data.StudyID, data.SeriesNumber, data.InstanceNumber = "1", 2, number + 1
        data.AccessionNumber, data.ReferringPhysicianName = "", ""
        data.StudyDate, data.StudyTime = "20260101", "120000"
        data.Modality, data.Manufacturer = "CT", "Phantom"
        data.SeriesDescription = "DOE thin"
        data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        data.KVP, data.AcquisitionNumber = "120", 1
        data.Rows, data.Columns = values.shape
        data.PixelSpacing = [volume.spacing[1], volume.spacing[2]]
        data.SliceThickness = volume.spacing[0]
        data.ImagePositionPatient = [float(v) for v in np.round(at, 6)]
        columns = direction[::-1, ::-1]
        data.ImageOrientationPatient = [float(v) for v in np.round(columns[:, :2].T.ravel(), 8)]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit, data.PixelRepresentation = 15, 1
        data.RescaleIntercept, data.RescaleSlope = 0, slope
        data.PixelData = values.astype("<i2").tobytes()
        data.save_as(file, enforce_file_format=True)
        files.append(file)
    return files
