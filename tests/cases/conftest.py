"""Where a project of the phantom lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_densify.cases.reference import ImageReference
from napari_densify.cases.volume import Volume

from .projects import reference


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.densify"


@pytest.fixture
def image(phantom: Volume) -> ImageReference:
    return reference(phantom)
