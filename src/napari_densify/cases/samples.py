"""A real volume to try things on: the MNI152 T1 brain that nilearn ships, with its tissue maps."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.problem import Problem
from napari_densify.cases.volume import Volume

CROP = ((40, 136), (60, 172), (50, 146))
"""Voxels (z, y, x) of the middle of the brain that the demo works on."""
TISSUES = ("grey matter", "white matter")


def brain(crop: bool = True) -> tuple[Volume, NDArray[np.uint8]]:
    """The MNI152 T1 brain and the truth from its tissue probability maps.

    Parameters
    ----------
    crop : bool
        Only the middle of the brain, so that a demonstration takes two minutes.

    Returns
    -------
    volume : Volume
        1 mm voxels.
    truth : (z, y, x) uint8
        0 = neither, 1 = grey matter, 2 = white matter (probability over one half).

    Raises
    ------
    Problem
        If nilearn is not installed.
    """
    image = _read("mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz")
    grey = _read("mni_icbm152_gm_tal_nlin_sym_09a_converted.nii.gz").data.astype(float)
    white = _read("mni_icbm152_wm_tal_nlin_sym_09a_converted.nii.gz").data.astype(float)
    half = max(grey.max(), white.max()) / 2
    truth = np.zeros(image.shape, np.uint8)
    truth[grey > half] = 1
    truth[(white > half) & (white >= grey)] = 2
    if not crop:
        return image, truth
    box = tuple(slice(a, b) for a, b in CROP)
    steps = np.array([a for a, _ in CROP]) * image.spacing
    oz, oy, ox = np.asarray(image.origin) + image.direction @ steps
    cut = Volume(image.data[box], image.spacing, (oz, oy, ox), image.direction, image.name)
    return cut, truth[box]


def _read(name: str) -> Volume:
    from napari_densify.cases.formats import medical

    try:
        path = files("nilearn") / "datasets" / "data" / name
    except ModuleNotFoundError as error:
        raise Problem(
            "The sample brain comes with nilearn; install it with "
            "pip install “napari-densify[samples]”."
        ) from error
    volume = medical.read(path)  # type: ignore[arg-type]
    return Volume(volume.data, volume.spacing, volume.origin, volume.direction, "MNI152 brain")
