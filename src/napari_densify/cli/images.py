"""Which images are meant by files, folders and patterns on the command line."""

from __future__ import annotations

import glob
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from napari_densify.cases.export import stem_of
from napari_densify.cases.formats import SUFFIXES, ending_of, is_volume, others_in
from napari_densify.cases.formats.dicom import Series, find_series
from napari_densify.cases.formats.quiet import quiet
from napari_densify.cases.problem import Problem
from napari_densify.cases.reference import is_dicom
from napari_densify.cases.spared import check_spares


def find_images(named: Iterable[Path]) -> list[Path]:
    """The images in files, folders and patterns, each once, in the order they were named.

    A folder of DICOM files and an OME-Zarr are one image; of any other folder, also of one with
    DICOM files and images of other kinds, what lies in it. The files of a DICOM series are one,
    too: the first of them that was named stands for it.

    Raises
    ------
    Problem
        If there are none.
    """
    found = dict.fromkeys(image for path in named for image in _in(path))
    if not found:
        raise Problem("There is no image in what was named; check the folder or the pattern.")
    return _one_of_each_series(found)


def targets_for(images: list[Path], out: Path, ending: str) -> dict[Path, Path]:
    """Where the result of each image goes: a file of its name in a folder.

    Raises
    ------
    Problem
        If two would go to one place, or one would replace an image.
    """
    targets: dict[Path, Path] = {}
    for image in images:
        target = out / f"{name_of(image)}.{ending.lstrip('.')}"
        for other, place in targets.items():
            if place == target:
                raise Problem(
                    f"{other} and {image} have one name, so their results would be one file; "
                    "predict them into two folders."
                )
        targets[image] = target
    check_spares(targets.values(), images)
    return targets


def name_of(image: Path) -> str:
    """An image's name without its ending."""
    return image.name if image.is_dir() and is_dicom(image) else stem_of(image) or image.name


def _one_of_each_series(images: Collection[Path]) -> list[Path]:
    kept: list[Path] = []
    series: dict[Path, list[Series]] = {}
    seen: set[Path] = set()
    for image in images:
        if image.is_file() and is_dicom(image) and not ending_of(image, SUFFIXES):
            folder = image.parent
            if folder not in series:
                series[folder] = _series_in(folder)
            files = next((s.files for s in series[folder] if image in s.files), (image,))
            if not seen.isdisjoint(files) or (folder in images and len(series[folder]) == 1):
                continue
            seen.update(files)
        kept.append(image)
    return kept


def _series_in(folder: Path) -> list[Series]:
    try:
        with quiet():
            return find_series(folder)
    except RuntimeError:  # a damaged file; whoever reads it says so
        return []


def _in(path: Path) -> Iterator[Path]:
    if not path.exists() and glob.has_magic(str(path)):
        for each in sorted(glob.glob(str(path), recursive=True)):
            yield from _in(Path(each))
    elif path.is_dir() and (_is_mixed(path) or not _is_image(path)):
        yield from sorted(filter(_is_image, path.iterdir()))
    else:
        yield path


def _is_mixed(folder: Path) -> bool:
    """Whether DICOM files and images of other kinds lie in a folder."""
    return is_dicom(folder) and bool(others_in(folder))


def _is_image(path: Path) -> bool:
    return not path.name.startswith(".") and (is_volume(path) or path.suffix == ".zarr")
