"""The other objective that was tried: features for a head that is solved, not learned.

    python -m pretrain.closed_form --out RUN [--config pretrain/closed_form.toml]

The network sees filters and position, but neither guess nor annotation. A ridge regression from its
last features to the classes is solved on the annotated voxels of an episode, in closed form and so
that gradients pass through it, and asked for the rest (Bertinetto et al. 2019, "Meta-learning with
differentiable closed-form solvers", arXiv 1805.08136, section 3). What came of it is in
docs/measured/pretraining.md.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor, nn
from torch.func import functional_call

from napari_densify.learn.device import pick_device
from napari_densify.learn.pretrained import FILTERS, GUESS, POSITION, fitted, untrained
from napari_densify.learn.unet import UNet3D
from pretrain.train import Training, run

CONFIG = Path(__file__).with_name("closed_form.toml")


class ClosedForm(Training):
    """Trains features; the head is solved anew for every episode."""

    def begun(self) -> UNet3D:
        """A network, and what the solver has to learn: its penalty and how sure it is."""
        net = untrained()
        net.register_parameter("log_penalty", nn.Parameter(torch.zeros(())))
        net.register_parameter("log_sure", nn.Parameter(torch.tensor(1.5)))
        return net

    def logits(self, master: UNet3D, values: Tensor, spacing: Sequence[float]) -> Tensor:
        """(n, SLOTS, z, y, x): what the solved head says of every voxel."""
        net = self.net_for(spacing)
        values = values.to(self.device)
        seen = values.clone()
        seen[:, FILTERS + POSITION :] = 0
        seen = seen.contiguous(memory_format=torch.channels_last_3d)
        known = dict(master.named_parameters()) | dict(master.named_buffers())
        features_of = _without_head(net)
        names = features_of.state_dict().keys()
        made = {name: value for name, value in fitted(known, net).items() if name in names}
        features = functional_call(features_of, made, (seen,))
        features = torch.cat([features, torch.ones_like(features[:, :1])], dim=1)
        painted = values[:, GUESS.stop :]
        penalty, sure = known["log_penalty"].exp(), known["log_sure"].exp()
        solved = (_ridge(x, y, penalty) for x, y in zip(features, painted, strict=True))
        return sure * torch.stack(list(solved))


def _without_head(net: UNet3D) -> nn.Module:
    """Its last features, normalised by each volume's own statistics.

    With statistics of all volumes it diverged as soon as they stayed as they were.
    """
    bare = deepcopy(net)
    bare.head = nn.Identity()  # type: ignore[assignment]
    for block in bare.modules():
        for name, layer in list(block.named_children()):
            if isinstance(layer, nn.BatchNorm3d):
                setattr(block, name, nn.InstanceNorm3d(layer.num_features, affine=True))
    return bare


def _ridge(features: Tensor, painted: Tensor, penalty: Tensor) -> Tensor:
    """(classes, z, y, x) from (channels, z, y, x) and one-hot (classes, z, y, x), 0 elsewhere.

    W = (XᵀBX + λI)⁻¹ XᵀBY, voxels of a class weighing the less the more there are (n^-½).
    """
    where = painted.any(dim=0)
    x, y = features[:, where].T, painted[:, where].T
    weight = (y / y.sum(dim=0).clamp(min=1).sqrt()).sum(dim=1, keepdim=True)
    weight = weight / weight.mean().clamp(min=1e-6)
    gram = x.T @ (weight * x) + penalty * torch.eye(x.shape[1], device=x.device)
    head = torch.linalg.solve(gram, x.T @ (weight * y))
    return torch.einsum("czyx,ck->kzyx", features, head)


def train(
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    config: Annotated[Path, typer.Option()] = CONFIG,
    workers: Annotated[int, typer.Option(help="Processes that draw episodes.")] = 1,
    threads: Annotated[int, typer.Option()] = 1,
    device: Annotated[str, typer.Option()] = "auto",
) -> None:
    """Train until the steps of the configuration are done."""
    torch.set_num_threads(threads)
    run(ClosedForm(tomllib.loads(config.read_text()), pick_device(device)), out, workers)


if __name__ == "__main__":
    typer.run(train)
