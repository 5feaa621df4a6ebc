"""Nothing that is written tells whose image it was: no name, no id, in no file and no file name."""

from __future__ import annotations

import locale
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from napari_densify.cases import place
from napari_densify.cases.box import Box
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.history import Entry
from napari_densify.cases.log import start_log
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Project
from napari_densify.cases.reference import describe
from napari_densify.cases.volume import Volume, content_hash
from napari_densify.session.session import Session

from .projects import CLASSES, model

IDENTITY = {
    "0010|0010": "Quennell^Philippa",
    "0010|0020": "PAT-0815-4711",
    "0010|0030": "19630417",
    "0008|0050": "ACC-998877",
    "0008|0080": "Saint Hypatia Hospital",
    "0008|0090": "Vandersloot^Doctor",
}
WORDS = [word for text in IDENTITY.values() for word in text.split("^")]


@pytest.fixture
def series(tmp_path: Path) -> Iterator[Path]:
    """A DICOM series whose folder and files are named like the patient, as exports are."""
    before = locale.setlocale(locale.LC_ALL)
    folder = tmp_path / "Quennell^Philippa_PAT-0815-4711"
    folder.mkdir()
    voxels = np.random.default_rng(0).integers(0, 900, (10, 12, 14)).astype(np.int16)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for z, plane in enumerate(voxels):
        image = sitk.GetImageFromArray(plane)
        for tag, text in IDENTITY.items():
            image.SetMetaData(tag, text)
        image.SetMetaData("0020|0013", str(z))
        image.SetMetaData("0020|0032", f"0\\0\\{z}")
        image.SetMetaData("0020|000e", "1.2.826.0.1.3680043.2.1125.1")
        writer.SetFileName(str(folder / f"Quennell^Philippa^{z:03d}.dcm"))
        writer.Execute(image)
    yield folder
    locale.setlocale(locale.LC_ALL, before)  # GDCM leaves “C” behind


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(logging, "_logRecordFactory", logging.LogRecord)
    package = logging.getLogger("napari_densify")
    handlers, level = package.handlers[:], package.level
    package.handlers[:] = [h for h in handlers if isinstance(h, logging.NullHandler)]
    file = start_log()
    assert file is not None
    if not file.is_relative_to(tmp_path):
        pytest.skip("the log's place does not follow XDG_STATE_HOME on this system")
    yield file
    for handler in package.handlers:
        handler.close()
    package.handlers[:] = handlers
    package.setLevel(level)


def read(series: Path, which: str) -> tuple[Volume, Path]:
    """The volume as a viewer opens it, named after its folder or file, and where it came from."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(series)))
    source = series if which == "folder" else sorted(series.iterdir())[0]
    return Volume(sitk.GetArrayFromImage(reader.Execute()), name=source.name), source


@pytest.mark.parametrize("which", ["folder", "file"])
def test_no_identity_reaches_a_project_or_the_log(
    series: Path, log: Path, which: str, tmp_path: Path
) -> None:
    volume, source = read(series, which)
    digest = content_hash(volume)
    path = place.place_for(volume, source, digest)
    folder = ProjectFolder(path, describe(volume, source, digest), CLASSES)
    session = Session(volume, project=folder)
    session.paint(np.arange(60), 1)
    session.paint(np.arange(100, 160), 2)
    folder.fold()
    folder.take_snapshot("before lunch")
    folder.learned.save_model(model(1))
    folder.learned.save_prediction(np.ones(volume.shape, np.uint8), [Box((0, 0, 0), volume.shape)])
    folder.learned.add_history([Entry(time="now")])
    moved = path.with_name("volume-2.densify")
    folder.move(moved)
    # Everything that goes wrong is logged.
    logger = logging.getLogger("napari_densify.tests")
    away = tmp_path / "away"
    moved.rename(away)
    for attempt in (
        lambda: session.paint(np.arange(9), 2),
        lambda: folder.take_snapshot("x"),
        lambda: Project.read(moved),
        lambda: place.check_target(source),
        folder.fold,
    ):
        try:
            attempt()
        except (Problem, OSError) as problem:
            logger.warning("%s", problem)
            logger.exception("“%s” of %s", volume.name, source)
    away.rename(moved)
    session.close()
    written = [file for file in (*moved.rglob("*"), log) if file.is_file()]
    assert len(written) > 10
    assert log.stat().st_size > 500
    for file in written:
        content = file.read_bytes().lower()
        name = str(file.relative_to(series.parent)).removeprefix(series.name)
        for word in WORDS:
            assert word.lower().encode() not in content, f"{word} in {file.name}"
            assert word.lower() not in name.lower()
