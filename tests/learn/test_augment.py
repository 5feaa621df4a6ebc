from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

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


def blobs(n: int = 2) -> tuple[Tensor, Tensor]:
    """Images, and labels with weight 1 everywhere."""
    values = torch.rand(n, 3, *SIZE, generator=random())
    labels = torch.stack([torch.rand(n, *SIZE).mul(4).floor(), torch.ones(n, *SIZE)], dim=1)
    return values, labels


def test_no_strength_changes_nothing(still: pytest.MonkeyPatch) -> None:
    values, labels = blobs()
    warped, moved = augment.warp(values, labels, (2.0, 1.0, 0.5), random())
    torch.testing.assert_close(warped, values, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(moved, labels)
    torch.testing.assert_close(augment.recolour(values, 2, random()), values)


def test_what_comes_from_outside_has_no_weight(still: pytest.MonkeyPatch) -> None:
    still.setattr(augment, "SCALE", 0.5)
    values, labels = blobs(16)
    warped, moved = augment.warp(values, labels, (1, 1, 1), random())
    weight = moved[:, 1]
    assert set(weight.unique().tolist()) == {0.0, 1.0}
    for each in weight:  # whatever is lost is lost from the border
        assert each[6:10, 10:14, 14:18].all()
    assert torch.isfinite(warped).all()


def test_labels_stay_whole_and_go_with_the_image() -> None:
    labels = torch.zeros(4, 2, *SIZE)
    labels[:, 0, 5:11, 8:16, 10:22] = 3
    labels[:, 1] = 1
    warped, moved = augment.warp(labels[:, :1], labels, (1, 1, 1), random())
    assert set(moved[:, 0].unique().tolist()) == {0.0, 3.0}
    inside = moved[:, 0] == 3
    assert warped[:, 0][inside].mean() > 2.5
    assert warped[:, 0][~inside].mean() < 0.2


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 1.0, 1.0), (1.0, 2.0, 0.5)])
def test_turning_keeps_physical_lengths(
    still: pytest.MonkeyPatch, spacing: tuple[float, float, float]
) -> None:
    """Where the voxels of a patch are read from is as far apart as the voxels are."""
    still.setattr(augment, "ROTATION", math.radians(20))
    size = (24, 24, 24)
    axes = [torch.arange(n, dtype=torch.float) * d for n, d in zip(size, spacing, strict=True)]
    position = torch.stack(torch.meshgrid(*axes, indexing="ij"))[None].repeat(6, 1, 1, 1, 1)
    read, _ = augment.warp(position, torch.ones(6, 2, *size), spacing, random())
    assert (read - position).abs().max() > 0.2
    for axis, step in enumerate(spacing):
        moved = read.diff(dim=axis + 2)[:, :, 9:14, 9:14, 9:14]  # the middle stays inside
        torch.testing.assert_close(
            moved.norm(dim=1), torch.full_like(moved[:, 0], step), atol=1e-3, rtol=1e-3
        )


def test_a_thin_patch_is_turned_in_its_plane(still: pytest.MonkeyPatch) -> None:
    still.setattr(augment, "ROTATION", math.radians(20))
    turns = augment._rotations(200, torch.tensor([4.0, 40.0, 40.0]), random())
    lifted = turns[:, 0, 1:].abs().max()
    assert turns[:, 1, 2].abs().max() > 0.2
    assert lifted < 0.05


def test_grey_values_vary_by_patch_and_are_reproducible() -> None:
    values = torch.rand(2, 3, *SIZE, generator=random())
    torch.manual_seed(1)
    one = augment.recolour(values, 2, random())
    torch.manual_seed(2)
    assert torch.equal(one, augment.recolour(values, 2, random()))
    assert not torch.allclose(one[0] - values[0], one[1] - values[1], atol=0.01)
