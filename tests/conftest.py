"""What several rooms' tests need: a tiny phantom, a tiny network."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from numpy.typing import NDArray

from napari_densify.cases.volume import Volume
from napari_densify.session.link import Settings

# Tests share the cores with whatever else runs: torch's threads must not spin while they wait.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# napari's settings of whoever runs the tests are neither read nor written.
os.environ.setdefault("NAPARI_CONFIG", "")

# Machines are shared: how long an example takes says nothing.
hypothesis.settings.register_profile("shared", deadline=None)
hypothesis.settings.load_profile("shared")

ROOT = Path(__file__).parents[1]
SHAPE = (24, 28, 32)
TINY = (16, 32)
"""Widths of a network that learns the phantom in seconds."""


def ellipsoid(centre: tuple[int, ...], radii: tuple[int, ...]) -> NDArray[np.bool_]:
    """The voxels of a filled ellipsoid in the phantom's volume."""
    inside: NDArray[np.bool_] = (
        sum(
            ((axis - c) / r) ** 2
            for axis, c, r in zip(np.indices(SHAPE), centre, radii, strict=True)
        )
        < 1
    )
    return inside


@pytest.fixture(scope="session")
def truth() -> NDArray[np.uint8]:
    """The phantom's structures: 0 = background, 1 and 2 two ellipsoids."""
    truth = np.zeros(SHAPE, np.uint8)
    truth[ellipsoid((9, 9, 20), (6, 6, 8))] = 1
    truth[ellipsoid((16, 19, 11), (5, 6, 7))] = 2
    truth.flags.writeable = False
    return truth


@pytest.fixture(scope="session")
def phantom(truth: NDArray[np.uint8]) -> Volume:
    """A noisy image of two ellipsoids of different brightness."""
    noise = np.random.default_rng(0).normal(0, 0.4, SHAPE)
    image = (np.array([0.0, 1.0, 2.0])[truth] + noise).astype(np.float32)
    image.flags.writeable = False
    return Volume(image, name="phantom")


@pytest.fixture
def tiny() -> Settings:
    """Settings with a network small enough for tests."""
    return Settings(device="cpu", widths=TINY)
