"""Throughput, and how near the network's arithmetic comes to what the machine can do.

What counts is what the outermost module is called with, so that this knows nothing of how a
learner is built: voxels are those that go through it, its arithmetic is replayed and timed
without all that surrounds it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.utils.flop_counter import FlopCounterMode

from bench.clock import Clock

ROUNDS = 3
"""Times that everything is measured in turn; the best counts, so that what else runs on the
machine does not."""
SECONDS = 1.0
"""How long each figure is measured in a round."""
SIDE = 2048
"""Of the matrices whose product is taken for the machine's peak."""


@dataclass
class Calls:
    """What outermost modules were called with."""

    voxels: int = 0
    inputs: list[tuple[nn.Module, tuple[Any, ...]]] = field(default_factory=list)


def measure(
    step: Callable[[], object],
    predict: Callable[[int], int],
    device: torch.device,
    single: AbstractContextManager[object] | None = None,
) -> dict[str, float]:
    """Rates of a learner.

    Parameters
    ----------
    step : callable
        One training step.
    predict : callable
        Predicts a piece of the volume, given a running number; how many voxels it answered for.
    device : torch.device
    single : context manager, optional
        In which it predicts in single precision, in which the peak is measured, if it does not
        anyway: its arithmetic is divided into other calls then.

    Returns
    -------
    dict
        `train_voxels_per_second` (voxels of the patches), `predict_voxels_per_second` (voxels
        answered for), `peak_gflops` of a matrix product, and `train_share`, `predict_share` of
        it that the network's arithmetic reaches by itself; `train_share_in_all` and
        `predict_share_in_all` of it with all that surrounds it.
    """
    step()
    predict(0)
    with outermost(keep=True, learning=True) as training:
        step()
    with single or nullcontext(), outermost(keep=True) as predicting:
        one = predict(0)
    replays = {
        "train_share": _Replay(training, backward=True),
        "predict_share": _Replay(predicting, backward=False),
    }
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        with outermost(keep=False, learning=True) as calls:
            _, seconds = _repeat(lambda turn: int(step() is None), device)
        answered, pace = _repeat(predict, device)
        now = {
            "train_voxels_per_second": calls.voxels / seconds,
            "predict_voxels_per_second": answered / pace,
            "peak_gflops": matmul_flops(device) / 1e9,
            **{name: replay.flops(device) / 1e9 for name, replay in replays.items()},
        }
        best = {name: max(value, best.get(name, 0.0)) for name, value in now.items()}
    peak = best["peak_gflops"] * 1e9
    in_all = {
        "train_share_in_all": best["train_voxels_per_second"]
        * replays["train_share"].count
        / (training.voxels * peak),
        "predict_share_in_all": best["predict_voxels_per_second"]
        * replays["predict_share"].count
        / (one * peak),
    }
    return best | {name: best[name] * 1e9 / peak for name in replays} | in_all


def matmul_flops(device: torch.device) -> float:
    """Floating-point operations a second of a large float32 matrix product, the best of some."""
    a = torch.randn(SIDE, SIDE, device=device)
    return 2 * SIDE**3 / _fastest(lambda: a @ a, device)


class _Replay:
    """The arithmetic of a network and nothing else: its calls, forward and perhaps backward."""

    def __init__(self, calls: Calls, backward: bool) -> None:
        self._calls, self._backward = calls, backward
        with FlopCounterMode(display=False) as counter:
            self._run()
        self.count = counter.get_total_flops()

    def flops(self, device: torch.device) -> float:
        """Floating-point operations a second, the best of some."""
        return self.count / _fastest(self._run, device)

    def _run(self) -> None:
        for module, args in self._calls.inputs:
            with torch.set_grad_enabled(self._backward):
                output = module(*args)
            if self._backward:
                output.backward(torch.ones_like(output))
                module.zero_grad(set_to_none=True)


@contextmanager
def outermost(keep: bool, learning: bool = False) -> Iterator[Calls]:
    """Collect the calls of modules that are not made by another module.

    Parameters
    ----------
    keep : bool
        Also what they were called with, in single precision.
    learning : bool
        Only of modules that learn, not of those that they learn from.
    """
    calls, depth = Calls(), 0

    def before(module: nn.Module, args: tuple[Any, ...]) -> None:
        nonlocal depth
        volume = args and isinstance(args[0], Tensor) and args[0].dim() == 5
        counts = any(True for _ in module.parameters()) and (module.training or not learning)
        if depth == 0 and volume and counts:
            calls.voxels += args[0].shape[0] * args[0].shape[2:].numel()
            if keep:
                detached = tuple(
                    a.detach().float().clone() if isinstance(a, Tensor) else a for a in args
                )
                calls.inputs.append((module, detached))
        depth += 1

    def after(module: nn.Module, args: object, output: object) -> None:
        nonlocal depth
        depth -= 1

    hooks = [
        register_module_forward_pre_hook(before),
        register_module_forward_hook(after, always_call=True),
    ]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def _fastest(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of the fastest of the calls that fit into `SECONDS`."""
    best, end = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        work()
        _wait(device)
        best = min(best, time.perf_counter() - start)
    return best


def _repeat(work: Callable[[int], int], device: torch.device) -> tuple[int, float]:
    """Do it for `SECONDS`; the sum of what it answered, and how long exactly that took."""
    turns, total, clock = 0, 0, Clock(free=True)
    clock.start()
    while (seconds := clock.seconds) < SECONDS:
        total += work(turns)
        turns += 1
        _wait(device)
    return total, seconds


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
