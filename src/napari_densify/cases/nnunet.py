"""Annotated cases as a data set of nnU-Net v2, which leaves its `ignore` label out of the loss."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases import disk
from napari_densify.cases.formats import write_volume
from napari_densify.cases.labels import BACKGROUND
from napari_densify.cases.names import distinct, free_name
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label
from napari_densify.cases.volume import Volume

NAME = re.compile(r"Dataset\d{3}_[A-Za-z0-9_-]+")
ENDING = ".nii.gz"


def check_name(folder: Path) -> None:
    """Refuse a folder that nnU-Net would not find, or that is there already.

    Raises
    ------
    Problem
    """
    if not NAME.fullmatch(folder.name):
        raise Problem(f"nnU-Net wants a name like Dataset007_Liver; {folder.name} is none.")
    if folder.exists():
        raise Problem(f"{folder} exists already; choose another number or name.")


def numbers_of(classes: Sequence[Label]) -> dict[int, int]:
    """The label that each class has there: background 0, structures from 1 without gaps."""
    structures = [row.label for row in classes if row.label != BACKGROUND]
    return {BACKGROUND: 0, **{label: k for k, label in enumerate(structures, start=1)}}


def write_dataset(
    folder: Path,
    classes: Sequence[Label],
    cases: Iterable[tuple[str, Volume, NDArray[np.uint8]]],
) -> list[str]:
    """Write images, sparse labels and their description.

    Parameters
    ----------
    folder : Path
        See `check_name`.
    classes : sequence of Label
    cases : iterable of (name, image, annotation)
        Annotation as here: 0 = not annotated, which becomes nnU-Net's `ignore`.

    Returns
    -------
    list of str
        The cases' names there.

    Raises
    ------
    Problem
        If a file cannot be written, or the images differ in their channels.
    """
    partial = folder.with_name(f".partial-{folder.name}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        names = _write_parts(partial, classes, cases)
        partial.rename(folder)
    except OSError as error:
        raise Problem(
            f"Cannot write {folder} ({error.strerror}); choose another folder."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return names


def _write_parts(
    folder: Path,
    classes: Sequence[Label],
    cases: Iterable[tuple[str, Volume, NDArray[np.uint8]]],
) -> list[str]:
    numbers = numbers_of(classes)
    ignore = len(numbers)
    table = np.full(256, ignore, np.uint8)
    for label, number in numbers.items():
        table[label] = number
    names: list[str] = []
    channels = 0
    for given, image, annotation in cases:
        name = re.sub(r"[^A-Za-z0-9-]+", "_", given).strip("_") or "case"
        name = free_name(name, names)
        if names and len(image.channels) != channels:
            raise Problem(f"“{given}” has other channels than {names[0]}; nnU-Net takes one kind.")
        channels = len(image.channels)
        for k, data in enumerate(image.channels):
            write_volume(folder / "imagesTr" / f"{name}_{k:04}{ENDING}", image.like(data))
        write_volume(folder / "labelsTr" / f"{name}{ENDING}", image.like(table[annotation]))
        names.append(name)
    described = {
        "channel_names": {str(k): f"channel {k}" for k in range(channels)},
        "labels": {"background": 0, **_names(classes, numbers), "ignore": ignore},
        "numTraining": len(names),
        "file_ending": ENDING,
    }
    text = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
    disk.replace(folder / "dataset.json", text.encode())
    return names


def _names(classes: Sequence[Label], numbers: dict[int, int]) -> dict[str, int]:
    """Each structure's name, which must not be another's, nor one of nnU-Net's own."""
    structures = [row for row in classes if row.label != BACKGROUND]
    names = distinct((row.name for row in structures), ("background", "ignore"), " ")
    return {name: numbers[row.label] for name, row in zip(names, structures, strict=True)}
