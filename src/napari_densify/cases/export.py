"""What leaves a project for other programs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def as_structures(prediction: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Labels as other programs have them: 0 = background or nothing, 1… = structures."""
    labels: NDArray[np.uint8] = np.maximum(prediction, 1) - 1
    return labels
