"""How well a prediction agrees with a truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def dice(
    prediction: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    classes: Sequence[int],
    where: NDArray[np.bool_] | None = None,
) -> dict[int, float]:
    """Dice coefficient 2|A∩B| / (|A| + |B|) of each class.

    Parameters
    ----------
    prediction, truth : arrays of one shape
        Labels.
    classes : ints
        Labels to score.
    where : bool array, optional
        Count only these voxels; for an honest score those that were not annotated.

    Returns
    -------
    dict of label → Dice
        1 for a class that is absent from both.
    """
    if where is not None:
        prediction, truth = prediction[where], truth[where]
    top = max(*classes, int(prediction.max(initial=0)), int(truth.max(initial=0))) + 1
    code = truth.ravel().astype(np.int64) * top + prediction.ravel()
    table = np.bincount(code, minlength=top * top).reshape(top, top)
    size = table.sum(0) + table.sum(1)
    return {k: float(2 * table[k, k] / size[k]) if size[k] else 1.0 for k in classes}
