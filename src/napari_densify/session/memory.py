"""Whether this machine has the memory that learning on a volume takes."""

from __future__ import annotations

import math

import psutil

from napari_densify.cases.volume import Volume

PROCESS = 1e9
"""Bytes of a worker that knows nothing yet: its libraries, mostly."""
FILTERS = 21
"""Half-precision responses that are kept of each voxel of each channel, see `learn.features`."""


def bytes_needed(volume: Volume) -> float:
    """What a worker holds once all of a volume is predicted, at least.

    The normalised image (float32), its filter responses and each voxel's position (float16); a few
    bytes for each class come on top.
    """
    channels, shape = len(volume.channels), volume.shape
    voxels = math.prod(shape)
    return PROCESS + voxels * (channels * (4 + 2 * FILTERS) + 2 * 3)


def notes_on_memory(volume: Volume) -> list[str]:
    """A sentence for the user if there is not enough memory for all of a volume."""
    needed, free = bytes_needed(volume), psutil.virtual_memory().available
    if needed <= free:
        return []
    return [
        f"Learning will take about {needed / 1e9:.0f} GB of memory once all of “{volume.name}” is "
        f"predicted, and {free / 1e9:.1f} are free: close other programs, or annotate a part of "
        "it that you have cropped."
    ]
