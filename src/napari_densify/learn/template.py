"""Where in a project's other images a place of one image is found again.

Position in the image is worth much to guess and network, but "a third from the left" is another
place in an image that was cut out otherwise. So positions of all cases are those of one of them,
the *template*, onto which the others are aligned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from napari_densify.cases.alignment import align
from napari_densify.learn.features import own_placement

SIDE = 32
"""Most voxels along an axis of what images are aligned by. True labels of hippocampi, brought over,
overlap with .73 by copies of 24 voxels, .735 by 32, .736 by all; see `cases.alignment`."""


class Template:
    """A small copy of an image, by which others are aligned onto it.

    Parameters
    ----------
    values : (z, y, x) float32
    size : (3,) floats
        Length of the image along z, y, x.
    """

    def __init__(self, values: NDArray[np.float32], size: Sequence[float]) -> None:
        self.values, self.size = values, tuple(size)

    @classmethod
    def of(cls, image: NDArray[np.float32], spacing: Sequence[float]) -> Self:
        """The template that a normalised (c, z, y, x) image is; its first channel counts."""
        shape = image.shape[1:]
        size = [n * d for n, d in zip(shape, spacing, strict=True)]
        step = max(size) / SIDE
        small = [min(n, max(1, round(s / step))) for n, s in zip(shape, size, strict=True)]
        values = F.interpolate(torch.from_numpy(image[None, :1]), size=small, mode="area")
        # As it is kept, so that it is known again.
        return cls(values[0, 0].half().float().numpy(), size)

    def placement(
        self, image: NDArray[np.float32], spacing: Sequence[float]
    ) -> NDArray[np.float64]:
        """Which positions an image's voxels have.

        Those of the same parts of the template; its own where it is the template itself, or where
        nothing in it is found again.

        Parameters
        ----------
        image : (c, z, y, x) float32
            Normalised.
        spacing : (3,) floats

        Returns
        -------
        (3, 4) float64
            See `FeatureBank.place`.
        """
        other = Template.of(image, spacing)
        own = own_placement(other.size)
        if other.size == self.size and np.array_equal(other.values, self.values):
            return own
        found = align(other.values, other.spacing, self.values, self.spacing)
        return own if found is None else own_placement(self.size)[:, :3] @ found

    @property
    def spacing(self) -> tuple[float, ...]:
        """Voxel size of the copy."""
        return tuple(s / n for s, n in zip(self.size, self.values.shape, strict=True))

    def state(self) -> dict[str, Tensor]:
        """What `from_state` reads."""
        size = torch.tensor(self.size, dtype=torch.float64)
        return {"values": torch.from_numpy(self.values).half(), "size": size}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Self:
        """The template that was kept.

        Raises
        ------
        KeyError, ValueError
            If there is none.
        """
        values, size = state["values"].float().numpy(), state["size"].tolist()
        if values.ndim != 3 or len(size) != 3 or max(values.shape) > SIDE or not min(size) > 0:
            raise ValueError("no template")
        return cls(values, size)
