from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from napari_densify.learn.loss import masked_dice, weighted_cross_entropy

SIZE = (2, 4, 5, 6)
CLASSES = 3


@pytest.fixture
def logits() -> Tensor:
    torch.manual_seed(0)
    return torch.randn(SIZE[0], CLASSES, *SIZE[1:], requires_grad=True)


@pytest.fixture
def target() -> Tensor:
    return torch.randint(CLASSES, SIZE, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def sparse() -> Tensor:
    """Weights of which most are 0 and the others differ."""
    random = torch.Generator().manual_seed(2)
    weight = 8 * torch.rand(SIZE, generator=random)
    return weight * (torch.rand(SIZE, generator=random) < 0.2)


def test_equal_weights_give_the_mean_cross_entropy(logits: Tensor, target: Tensor) -> None:
    ours = weighted_cross_entropy(logits, target, torch.ones(SIZE))
    torch.testing.assert_close(ours, F.cross_entropy(logits, target))


def test_it_is_the_weighted_mean_over_voxels(
    logits: Tensor, target: Tensor, sparse: Tensor
) -> None:
    each = -logits.log_softmax(1).gather(1, target[:, None])[:, 0]
    expected = (each * sparse).sum() / sparse.sum()
    torch.testing.assert_close(weighted_cross_entropy(logits, target, sparse), expected)


@pytest.mark.parametrize("loss", [weighted_cross_entropy, masked_dice])
def test_voxels_without_annotation_have_no_gradient(
    loss: object, logits: Tensor, target: Tensor, sparse: Tensor
) -> None:
    loss(logits, target, sparse).backward()  # type: ignore[operator]
    assert logits.grad is not None
    gradient = logits.grad.abs().sum(1)
    assert (gradient[sparse == 0] == 0).all()
    assert (gradient[sparse > 0] > 0).all()


@pytest.mark.parametrize("loss", [weighted_cross_entropy, masked_dice])
def test_scaling_all_weights_changes_nothing(
    loss: object, logits: Tensor, target: Tensor, sparse: Tensor
) -> None:
    one, other = loss(logits, target, sparse), loss(logits, target, 17 * sparse)  # type: ignore[operator]
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("loss", [weighted_cross_entropy, masked_dice])
def test_what_is_said_where_nothing_is_annotated_is_ignored(
    loss: object, logits: Tensor, target: Tensor, sparse: Tensor
) -> None:
    noise = torch.where((sparse == 0)[:, None], 100 * torch.randn_like(logits), logits)
    relabelled = torch.where(sparse == 0, 0, target)
    one, other = loss(logits, target, sparse), loss(noise, relabelled, sparse)  # type: ignore[operator]
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("loss", [weighted_cross_entropy, masked_dice])
def test_without_annotation_nothing_is_learned(loss: object, logits: Tensor) -> None:
    value = loss(logits, torch.zeros(SIZE, dtype=torch.long), torch.zeros(SIZE))  # type: ignore[operator]
    assert value.item() == 0


def test_dice_is_about_zero_when_right_and_one_when_wrong(target: Tensor, sparse: Tensor) -> None:
    right = 50 * F.one_hot(target, CLASSES).movedim(-1, 1).float()
    assert masked_dice(right, target, sparse) < 1e-3
    assert masked_dice(right.roll(1, dims=1), target, sparse) > 0.9


def test_dice_counts_only_the_classes_that_are_there(target: Tensor) -> None:
    only = torch.zeros_like(target)
    right = 50 * F.one_hot(only, CLASSES).movedim(-1, 1).float()
    assert masked_dice(right, only, torch.ones(SIZE)) < 1e-3
