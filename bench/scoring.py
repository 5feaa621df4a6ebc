"""How good a prediction is where nothing was annotated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.volumes import Task
from napari_densify.session.score import dice


class Score:
    """Scores predictions of one task, all methods by the same rule.

    Only what was not annotated counts, as far as that goes: a method is not to be praised for
    what it was told.
    """

    def __init__(self, task: Task) -> None:
        self._truth = task.robot.truth
        self._structures = task.structures
        self._painted = task.robot.planes(task.slices)
        self._free = task.annotation == 0

    def dice(self, labels: NDArray[np.uint8]) -> float:
        """Mean Dice of the structures on voxels that were not annotated."""
        each = dice(labels, self._truth, self._structures, self._free)
        return float(np.mean(list(each.values())))

    def surface_dice(self, labels: NDArray[np.uint8]) -> float:
        """Mean over the structures: share of both surfaces within one voxel of the other.

        The painted slices are cut out of both first: on a small structure they alone would
        bring an empty prediction to 0.4.
        """
        import torch
        from monai.metrics import compute_surface_dice

        shown, truth = self._without_painted(labels), self._without_painted(self._truth)
        each = []
        for k in self._structures:
            pair = [torch.from_numpy(a == k)[None, None] for a in (shown, truth)]
            score = compute_surface_dice(*pair, class_thresholds=[1.0], include_background=True)
            each.append(float(torch.nan_to_num(score)))
        return float(np.mean(each))

    def covered(self, labels: NDArray[np.uint8]) -> float:
        """Share of the voxels that were not annotated and have a prediction."""
        return float((labels[self._free] > 0).mean())

    def _without_painted(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        for axis in range(3):
            positions = [p.position for p in self._painted if p.axis == axis]
            labels = np.delete(labels, positions, axis)
        return labels
