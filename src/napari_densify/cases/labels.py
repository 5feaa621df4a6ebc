"""What labels mean, and how those that come from elsewhere are checked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.problem import Problem

BACKGROUND = 1
"""The label of what is no structure; 0 says that nothing is annotated."""
LAST_LABEL = 254
"""The highest label of a structure."""


def default_name(label: int) -> str:
    """What a class is called that was given no name."""
    return "background" if label == BACKGROUND else f"structure {label - 1}"


def check_labels(
    labels: NDArray[np.generic], shape: tuple[int, ...], name: str
) -> NDArray[np.uint8]:
    """Labels read from elsewhere as uint8, or a sentence why they cannot be.

    Raises
    ------
    Problem
        If the shape differs from the image's, a value is no whole number, negative or over 254.
    """
    if labels.shape != shape:
        have, want = (" × ".join(map(str, s)) for s in (labels.shape, shape))
        raise Problem(f"“{name}” is {have} voxels but the image is {want}; use labels on its grid.")
    whole = labels.dtype.kind in "biu"
    if labels.dtype.kind == "f":
        whole = bool(np.isfinite(labels).all()) and np.array_equal(labels, np.floor(labels))
    if not whole:
        raise Problem(f"“{name}” holds values that are no whole numbers; choose a label image.")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > LAST_LABEL:
        bad = low if low < 0 else high
        raise Problem(f"“{name}” holds class {bad}; classes go from 0 to {LAST_LABEL}.")
    return labels.astype(np.uint8)
