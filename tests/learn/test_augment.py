from __future__ import annotations

import math

import pytest
import torch

from napari_densify.learn import augment

SIZE = (16, 24, 32)


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Augmentation with all its strengths at 0."""
    for name in ("ROTATION", "SCALE", "ELASTIC", "GAIN", "SHIFT", "NOISE"):
        monkeypatch.setattr(augment, name, 0.0)
    return monkeypatch


def random() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_no_strength_changes_nothing(still: pytest.MonkeyPatch) -> None:
    place = torch.stack(torch.meshgrid(*map(torch.arange, SIZE), indexing="ij")).float()
    moved = augment.sources(2, SIZE, (2.0, 1.0, 0.5), random())
    torch.testing.assert_close(moved, place[None].expand(2, -1, -1, -1, -1), atol=1e-4, rtol=0)
    values = torch.rand(2, 3, *SIZE, generator=random())
    torch.testing.assert_close(augment.recolour(values.clone(), 2, random()), values)


def test_the_middle_of_a_patch_stays_in_it() -> None:
    moved = augment.sources(20, SIZE, (1, 1, 1), random())[:, :, 6:10, 10:14, 14:18]
    end = torch.tensor(SIZE).view(3, 1, 1, 1)
    assert (moved > 0).all()
    assert (moved < end - 1).all()


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 1.0, 1.0), (1.0, 2.0, 0.5)])
def test_turning_keeps_physical_lengths(
    still: pytest.MonkeyPatch, spacing: tuple[float, float, float]
) -> None:
    """Where the voxels of a patch are read from is as far apart as the voxels are."""
    still.setattr(augment, "ROTATION", math.radians(20))
    size = (24, 24, 24)
    unit = torch.tensor(spacing).view(3, 1, 1, 1)
    place = torch.stack(torch.meshgrid(*map(torch.arange, size), indexing="ij")) * unit
    read = augment.sources(6, size, spacing, random()) * unit
    assert (read - place).abs().max() > 0.2
    for axis, step in enumerate(spacing):
        apart = read.diff(dim=axis + 2).norm(dim=1)
        torch.testing.assert_close(apart, torch.full_like(apart, step), atol=1e-3, rtol=1e-3)


def test_a_thin_patch_is_turned_in_its_plane(still: pytest.MonkeyPatch) -> None:
    still.setattr(augment, "ROTATION", math.radians(20))
    turns = augment._rotations(200, torch.tensor([4.0, 40.0, 40.0]), random())
    lifted = turns[:, 0, 1:].abs().max()
    assert turns[:, 1, 2].abs().max() > 0.2
    assert lifted < 0.05


def test_grey_values_vary_by_patch_and_are_reproducible() -> None:
    values = torch.rand(2, 3, *SIZE, generator=random())
    torch.manual_seed(1)
    one = augment.recolour(values.clone(), 2, random())
    torch.manual_seed(2)
    assert torch.equal(one, augment.recolour(values.clone(), 2, random()))
    assert not torch.allclose(one[0] - values[0], one[1] - values[1], atol=0.01)
    noise = (one - values).flatten(2).std(dim=2)
    assert noise[:, :2].min() > 0.001
    assert noise[:, 2].max() < 1e-5  # the position is only shifted
