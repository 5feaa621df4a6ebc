"""How good a prediction is where nothing was annotated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.volumes import Task
from napari_densify.session.score import dice


class Score:
    """Scores predictions of one task, all methods by the same rule.

    What the user painted is put over every prediction first: nobody's plugin shows it otherwise.
    """

    def __init__(self, task: Task) -> None:
        self._truth = task.robot.truth
        self._structures = task.structures
        self._annotation = task.annotation
        self._free = task.annotation == 0

    def dice(self, labels: NDArray[np.uint8]) -> float:
        """Mean Dice of the structures on voxels that were not annotated."""
        each = dice(labels, self._truth, self._structures, self._free)
        return float(np.mean(list(each.values())))

    def surface_dice(self, labels: NDArray[np.uint8]) -> float:
        """Mean over the structures: share of both surfaces within one voxel of the other."""
        import torch
        from monai.metrics import compute_surface_dice

        shown = np.where(self._annotation, self._annotation, labels)
        each = []
        for k in self._structures:
            pair = [torch.from_numpy(a == k)[None, None] for a in (shown, self._truth)]
            score = compute_surface_dice(*pair, class_thresholds=[1.0], include_background=True)
            each.append(float(torch.nan_to_num(score)))
        return float(np.mean(each))

    def covered(self, labels: NDArray[np.uint8]) -> float:
        """Share of the voxels that were not annotated and have a prediction."""
        return float((labels[self._free] > 0).mean())
