"""What the network is trained to make small."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def weighted_cross_entropy(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    r"""Voxel-weighted softmax cross-entropy (Çiçek et al. 2016).

    .. math:: L = \frac{\sum_i w_i \, \mathrm{CE}(x_i, y_i)}{\sum_i w_i}

    Parameters
    ----------
    logits : (n, classes, …)
        Of any voxels: whole patches, or those that count.
    target : (n, …) int64
        Class index; any valid index where the weight is 0.
    weight : (n, …)
        0 where nothing is annotated. The mask is on the loss, not on the logits: logits masked
        with 0 would still push every unlabelled voxel towards equal probabilities.

    Returns
    -------
    Tensor
        A scalar; 0 where no voxel counts.
    """
    annotated = weight > 0  # a few in a hundred: softmax of the others would take as long again
    each = F.cross_entropy(logits.movedim(1, -1)[annotated], target[annotated], reduction="none")
    weight = weight[annotated]
    return (each * weight).sum() / weight.sum().clamp_min(1e-6)


def masked_dice(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    r"""Soft Dice loss over annotated voxels only, mean over the classes present there.

    .. math:: 1 - \frac{2 \sum_i m_i p_{ik} y_{ik} + 1}{\sum_i m_i p_{ik} + \sum_i m_i y_{ik} + 1},
        \qquad m_i = [w_i > 0]

    Parameters are those of `weighted_cross_entropy`.
    """
    annotated = weight > 0
    probability = logits.movedim(1, -1)[annotated].softmax(dim=-1)
    truth = F.one_hot(target[annotated], probability.shape[-1]).to(probability.dtype)
    overlap, size = (probability * truth).sum(0), probability.sum(0) + truth.sum(0)
    dice = (2 * overlap + 1) / (size + 1)
    present = truth.sum(0) > 0
    return 1 - dice[present].mean() if present.any() else torch.zeros_like(logits.sum())
