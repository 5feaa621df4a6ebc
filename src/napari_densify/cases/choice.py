"""What of an image with more axes than z, y, x is one volume: a frame, and some channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.problem import Problem

Axes = Literal["zyx", "czyx", "tzyx", "tczyx", "ctzyx", "zyxc", "tzyxc"]
"""What the axes of an image can be; c last are its colours."""


@dataclass(frozen=True)
class Choice:
    """Which part of an array is learned from.

    Parameters
    ----------
    axes : str
        What the array's axes are: one of `Axes`.
    channels : tuple of ints
        Positions along c, in the order they go in; () for all of them.
    frame : int
        Position along t; 0 without that axis.
    """

    axes: Axes = "zyx"
    channels: tuple[int, ...] = ()
    frame: int = 0

    @property
    def in_time(self) -> bool:
        """Whether the image is a time series, of which this is one frame."""
        return "t" in self.axes

    @property
    def moment(self) -> int | None:
        """Which frame of a time series it is; None if it is of none."""
        return self.frame if self.in_time else None

    def shape_in(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The size along z, y, x of an array of that shape."""
        return tuple(shape[self.axes.index(axis)] for axis in "zyx")

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether an array of that shape has the chosen frame and channels."""
        if len(shape) != len(self.axes):
            return False
        size = dict(zip(self.axes, shape, strict=True))
        frames, channels = size.get("t", 1), size.get("c", 1)
        return self.frame < frames and all(k < channels for k in self.channels)

    def take(self, array: Any, name: str = "image") -> NDArray[np.generic]:
        """The chosen part of an array, which may lie on disk: no more of it is read.

        Parameters
        ----------
        array : array
            With the axes that are named here; numpy, dask or zarr.
        name : str
            Used in the sentence of the error.

        Returns
        -------
        (z, y, x) or (c, z, y, x) array
            Four axes where the array has channels and not just one of them is chosen.

        Raises
        ------
        Problem
            If there is no such frame or channel.
        """
        if not self.fits(array.shape):
            shape = " × ".join(map(str, array.shape))
            raise Problem(
                f"“{name}” ({shape}) has not the axes {self.axes} with the chosen frame and "
                "channels; choose them again."
            )
        if "c" not in self.axes:
            return np.asarray(array[self._index(slice(None))])
        if not self.channels:
            whole = np.asarray(array[self._index(slice(None))])
            return np.moveaxis(whole, self.axes.replace("t", "").index("c"), 0)
        parts = [np.asarray(array[self._index(k)]) for k in self.channels]
        return parts[0] if len(parts) == 1 else np.stack(parts)

    def _index(self, channel: int | slice) -> tuple[int | slice, ...]:
        at: dict[str, int | slice] = {"t": self.frame, "c": channel}
        return tuple(at.get(axis, slice(None)) for axis in self.axes)


WHOLE = Choice()
"""A plain volume, all of it."""
