"""How well a finished segmentation agrees with a truth, in space: through MONAI."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_densify.cases.problem import Problem


@dataclass(frozen=True)
class Agreement:
    """How a class agrees; NaN where a measure means nothing because the class is absent.

    Attributes
    ----------
    dice : float
        2|A∩B| / (|A| + |B|).
    surface_dice : float
        Share of both surfaces within the tolerance of the other one (Nikolov et al. 2021,
        arXiv 1809.04430).
    hausdorff95 : float
        95th percentile of the distances between the surfaces, the larger of both directions.
    voxels, truth_voxels : int
        Of the class in prediction and truth.
    """

    dice: float
    surface_dice: float
    hausdorff95: float
    voxels: int
    truth_voxels: int

    @property
    def difference(self) -> float:
        """By how much of the true volume the predicted one is larger; NaN without a true one."""
        if not self.truth_voxels:
            return float("nan")
        return (self.voxels - self.truth_voxels) / self.truth_voxels


def compare(
    prediction: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    label: int,
    spacing: Sequence[float],
    tolerance: float,
) -> Agreement:
    """Compare one class of two segmentations on one grid.

    Parameters
    ----------
    prediction, truth : (z, y, x) uint8
    label : int
    spacing : (3,) floats
        Voxel size along z, y, x.
    tolerance : float
        Distance in the unit of the spacing within which surfaces agree.

    Raises
    ------
    Problem
        If MONAI is not installed.
    """
    try:
        from monai.metrics import (
            compute_dice,
            compute_hausdorff_distance,
            compute_surface_dice,
        )
    except ModuleNotFoundError as error:
        raise Problem(
            "Surface distances take MONAI; install it with pip install “napari-densify[evaluate]”."
        ) from error
    mine, true = prediction == label, truth == label
    sizes = int(mine.sum()), int(true.sum())
    if not all(sizes):
        alone = float("nan") if not any(sizes) else 0.0
        return Agreement(alone, alone, float("nan"), *sizes)
    inside = _around(mine | true)
    pair = [torch.from_numpy(m[inside].astype(np.float32))[None, None] for m in (mine, true)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MONAI's own old ways of calling torch and scipy
        dice = compute_dice(*pair, include_background=True)
        surface = compute_surface_dice(
            *pair, [tolerance], include_background=True, spacing=tuple(spacing)
        )
        hausdorff = compute_hausdorff_distance(
            *pair, include_background=True, percentile=95, spacing=tuple(spacing)
        )
    return Agreement(float(dice), float(surface), float(hausdorff), *sizes)


def _around(inside: NDArray[np.bool_]) -> tuple[slice, ...]:
    """The box of what is inside, with two voxels around it: there are no other surfaces."""
    box = []
    for axis in range(inside.ndim):
        others = tuple(a for a in range(inside.ndim) if a != axis)
        found = np.flatnonzero(inside.any(axis=others))
        box.append(slice(max(0, int(found[0]) - 2), int(found[-1]) + 3))
    return tuple(box)
