"""Train the network that projects begin with.

    python -m pretrain.train --out RUN [--config pretrain/config.toml] [--begin WEIGHTS]
        [--workers 1] [--threads 1]

Goes on from RUN where it was stopped. Writes RUN/log.csv and, whenever it looks at episodes that
take no part, RUN/state.pt and RUN/pretrained.safetensors, which is what belongs into the package.
Episodes lie where the network is: on a card, all that is done to their patches is done there.
"""

from __future__ import annotations

import csv
import math
import time
import tomllib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.func import functional_call
from torch.nn.functional import one_hot, pad
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from napari_densify.learn import augment
from napari_densify.learn.device import half_precision, pick_device
from napari_densify.learn.loss import masked_dice, weighted_cross_entropy
from napari_densify.learn.pretrained import FILTERS, GUESS, POSITION, SLOTS, fitted, untrained
from napari_densify.learn.unet import COMPACT, UNet3D, fit_spacing
from pretrain.episodes import NEVER, Episode, Episodes, dice

HELD_OUT = 16
"""Episodes that take no part; their seed is another one."""
CONFIG = Path(__file__).with_name("config.toml")


class Training:
    """A network, its averaged weights and the optimiser.

    Its weights are those for isotropic voxels. For an episode of other voxels they are made into
    those of a network for these by the rule that the plugin has, and it is trained through that.

    Parameters
    ----------
    config : dict
    device : torch.device
    begin : path, optional
        Weights of an earlier training to begin with.
    """

    def __init__(
        self, config: dict[str, Any], device: torch.device, begin: Path | None = None
    ) -> None:
        self.config, self.device = config, device
        torch.manual_seed(config["seed"])
        net = self.begun()
        if begin:
            net.load_state_dict(load_file(begin))
        self.net = net.to(device)
        average = get_ema_multi_avg_fn(config["average"])
        self.averaged = AveragedModel(net, multi_avg_fn=average, use_buffers=True)
        self.optimiser = torch.optim.AdamW(
            net.parameters(), config["rate"], weight_decay=config["weight_decay"], fused=True
        )
        self.random = np.random.default_rng(config["seed"])
        self.noise = torch.Generator(device).manual_seed(config["seed"])
        self.steps = 0
        self._nets: dict[object, UNet3D] = {}

    def begun(self) -> UNet3D:
        """A network that says nothing yet."""
        net = untrained()
        torch.nn.init.zeros_(net.head.weight)
        torch.nn.init.zeros_(net.head.bias)
        return net

    def net_for(self, spacing: Sequence[float]) -> UNet3D:
        """A network for these voxels, without weights that count."""
        levels = fit_spacing(COMPACT, spacing)
        if levels not in self._nets:
            net = UNet3D(untrained().in_channels, SLOTS, levels).to(self.device)
            self._nets[levels] = net
        return self._nets[levels]

    def stride(self, spacing: Sequence[float]) -> tuple[int, int, int]:
        """Sizes of patches of these voxels are multiples of it."""
        return self.net_for(spacing).stride

    def logits(self, master: UNet3D, values: Tensor, spacing: Sequence[float]) -> Tensor:
        """(n, SLOTS, z, y, x): the guess in `values` and the correction."""
        net = self.net_for(spacing).train(master.training)
        values = values.to(self.device).contiguous(memory_format=torch.channels_last_3d)
        known = dict(master.named_parameters()) | dict(master.named_buffers())
        with half_precision(self.device, training=True):
            correction = functional_call(net, fitted(known, net), (values,))
        return correction.float() + values[:, GUESS]

    def step(self, drawn: Sequence[Episode]) -> tuple[float, float]:
        """One step on a patch of each episode; the loss before it, and the guess's."""
        values, target, weight, absent = self._patches(drawn)
        config = self.config
        share = self.steps / config["steps"]
        rate = config["rate"] * min(1, (self.steps + 1) / config["warm_up"])
        for group in self.optimiser.param_groups:
            group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * min(share, 1)))
        if self.steps == config["settled"]:
            self._take_mean_statistics()
        training = self.steps < config["settled"]
        logits = self.logits(self.net.train(training), values, drawn[0].spacing) + absent
        entropy = weighted_cross_entropy(logits, target, weight)
        loss = entropy + masked_dice(logits, target, weight)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self.averaged.update_parameters(self.net)
        self.steps += 1
        guess = values[:, GUESS] + absent
        return entropy.item(), float(weighted_cross_entropy(guess, target, weight))

    def _take_mean_statistics(self) -> None:
        """From here on the normalisation is the same for all volumes.

        Volumes are so different that those of a batch do not speak for the others: with them the
        network was no better than the guess after 1000 steps.
        """
        for name, value in self.averaged.module.named_buffers():
            self.net.get_buffer(name).copy_(value)

    def _patches(self, drawn: Sequence[Episode]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        stride = np.array(self.stride(drawn[0].spacing))
        shapes = np.array([each.target.shape for each in drawn])
        size = np.minimum(shapes.max(axis=0), self.config["patch"]) // stride * stride
        parts = [self._patch(each, size) for each in drawn]
        values, target, weight = (torch.stack(each) for each in zip(*parts, strict=True))
        values = augment.recolour(values, FILTERS, self.noise)
        balance = torch.stack([each.balance for each in drawn])
        absent = torch.where(balance > 0, 0.0, NEVER)[:, :, None, None, None]
        return values, target, weight, absent

    def _patch(self, drawn: Episode, size: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Somewhere around a voxel of a class drawn at random, mirrored and turned.

        Where the volume ends, its last voxels repeat and nothing is asked.
        """
        shape = drawn.target.shape
        k = self.random.choice(np.flatnonzero(drawn.balance.cpu().numpy() > 0))
        inside = (drawn.target == int(k)).nonzero()
        centre = inside[int(self.random.integers(len(inside)))].tolist()
        corner = [
            int(np.clip(c - self.random.integers(n), 0, max(whole - n, 0)))
            for c, n, whole in zip(centre, size, shape, strict=True)
        ]
        cut = tuple(slice(a, a + int(n)) for a, n in zip(corner, size, strict=True))
        values = seen(drawn, cut, self.random.random() >= self.config["unpainted"])
        index = drawn.target[cut].long()
        noise = self.noise
        asked = torch.rand(index.shape, generator=noise, device=noise.device)
        weight = drawn.balance[index] * (drawn.free[cut] & (asked < self.config["share"]))
        beyond = [int(n) - there for n, there in zip(size, index.shape, strict=True)]
        if any(beyond):
            ends = [n for after in reversed(beyond) for n in (0, after)]
            values = pad(values[None], ends, "replicate")[0]
            index, weight = pad(index, ends), pad(weight, ends)
        mirrored = [axis for axis in range(3) if self.random.random() < 0.5]
        values[[FILTERS + axis for axis in mirrored]] *= -1
        turn = self._turn(drawn.spacing, size)
        order = [*range(FILTERS), *(FILTERS + axis for axis in turn)]
        order += range(FILTERS + POSITION, len(values))
        there = [axis + 1 for axis in turn]
        values = values.flip([a + 1 for a in mirrored]).permute(0, *there)[order]
        index, weight = (each.flip(mirrored).permute(turn) for each in (index, weight))
        return values, index, weight

    def _turn(self, spacing: Sequence[float], size: np.ndarray) -> list[int]:
        """An order of the axes that leaves an axis with long voxels where it is."""
        turn = np.arange(3)
        same = np.flatnonzero(np.isclose(spacing, min(spacing)) & (size == size.max()))
        turn[same] = self.random.permutation(same)
        return [int(axis) for axis in turn]

    def look(self, held_out: Sequence[Episode]) -> dict[str, float]:
        """Mean Dice of the structures where nothing was annotated, see `shown`."""
        scores = [scored(each, self.shown(each)) for each in held_out]
        return {what: round(float(np.mean([s[what] for s in scores])), 4) for what in scores[0]}

    @torch.no_grad()
    def shown(self, drawn: Episode) -> dict[str, Tensor]:
        """(z, y, x) classes by the guess, by the network, and by the mean of both."""
        self.averaged.eval()
        z, y, x = drawn.target.shape
        values = seen(drawn, (slice(None),) * 3)[None]
        beyond = [-n % step for n, step in zip((z, y, x), self.stride(drawn.spacing), strict=True)]
        padded = pad(values, [n for after in reversed(beyond) for n in (0, after)], "replicate")
        absent = torch.where(drawn.balance > 0, 0.0, NEVER)[:, None, None, None]
        logits = self.logits(self.averaged.module, padded, drawn.spacing)[0]
        network = (logits[:, :z, :y, :x] + absent).softmax(0)
        guess = (values[0, GUESS] + absent).softmax(0)
        answers = {"guess": guess, "network": network, "mean": network + guess}
        return {what: answer.argmax(0) for what, answer in answers.items()}

    def save(self, folder: Path) -> None:
        """Write all that is needed to go on, and what belongs into the package."""
        state = {
            "net": self.net.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "steps": self.steps,
        }
        torch.save(state, folder / "state.pt")
        kept = self.averaged.module.state_dict()
        # A variance may be larger than half precision can hold.
        half = {
            name: value.half().contiguous() if name.endswith("weight") else value
            for name, value in kept.items()
        }
        save_file(half, folder / "pretrained.safetensors")

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote; episodes that were drawn before are drawn no more."""
        state = torch.load(folder / "state.pt", weights_only=True)
        self.net.load_state_dict(state["net"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.steps = state["steps"]


def scored(drawn: Episode, shown: dict[str, Tensor]) -> dict[str, float]:
    """Mean Dice of the structures where nothing was annotated, of each of the answers."""
    return {what: dice(labels, drawn.target, drawn.free) for what, labels in shown.items()}


def seen(drawn: Episode, cut: tuple[slice, ...], painted: bool = True) -> Tensor:
    """(channels, z, y, x) all that the network sees of a part of an episode.

    Parameters
    ----------
    drawn : Episode
    cut : slices
    painted : bool
        False: as if nothing was annotated there, as it is far from any slice.
    """
    marked = one_hot(drawn.target[cut].long(), SLOTS) * (~drawn.free[cut] & painted)[..., None]
    return torch.cat([drawn.values[cut], marked], dim=-1).float().movedim(-1, 0)


def batches(training: Training, stream: Iterator[Episode]) -> Iterator[list[Episode]]:
    """Episodes to draw a step's patches from, of the same kind of voxels."""
    config, random = training.config, training.random
    pool = [each.to(training.device) for each in islice(stream, config["batch"] - 1)]
    while True:
        pool = [*pool[-config["pool"] + 1 :], next(stream).to(training.device)]
        for _ in range(config["reuse"]):
            first = pool[int(random.integers(len(pool)))]
            levels = fit_spacing(COMPACT, first.spacing)
            alike = [each for each in pool if fit_spacing(COMPACT, each.spacing) == levels]
            others = random.integers(len(alike), size=config["batch"] - 1)
            yield [first, *(alike[int(i)] for i in others)]


def run(training: Training, out: Path, workers: int = 1) -> None:
    """Train until the steps of the configuration are done, from where the folder's run is."""
    out.mkdir(parents=True, exist_ok=True)
    if (out / "state.pt").exists():
        training.load(out)
    config = training.config
    apart = Episodes(config["seed"] + 1_000_000)
    held_out = list(islice(DataLoader(apart, batch_size=None, num_workers=workers), HELD_OUT))
    held_out = [each.to(training.device) for each in held_out]
    episodes = Episodes(config["seed"], training.steps // config["reuse"])
    loader = DataLoader(episodes, batch_size=None, num_workers=workers)
    start, losses = time.monotonic(), []
    with (out / "log.csv").open("a", newline="") as file:
        log = csv.writer(file)
        if not training.steps:
            log.writerow(["steps", "seconds", "loss", "loss_of_guess", "guess", "network", "mean"])
        for drawn in batches(training, iter(loader)):
            losses.append(training.step(drawn))
            if training.steps % config["check_every"] == 0:
                loss, guess_loss = np.mean(losses, axis=0).round(4)
                seconds = round(time.monotonic() - start)
                seen = training.look(held_out)
                log.writerow([training.steps, seconds, loss, guess_loss, *seen.values()])
                file.flush()
                training.save(out)
                losses.clear()
            if training.steps >= config["steps"]:
                break


def train(
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    config: Annotated[Path, typer.Option()] = CONFIG,
    begin: Annotated[Path | None, typer.Option(help="Weights to begin with.")] = None,
    workers: Annotated[int, typer.Option(help="Processes that draw episodes.")] = 1,
    threads: Annotated[int, typer.Option()] = 1,
    device: Annotated[str, typer.Option()] = "auto",
) -> None:
    """Train until the steps of the configuration are done."""
    torch.set_num_threads(threads)
    settings = tomllib.loads(config.read_text())
    run(Training(settings, pick_device(device), begin), out, workers)


if __name__ == "__main__":
    typer.run(train)
