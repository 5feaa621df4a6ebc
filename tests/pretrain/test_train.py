"""The training that comes before: a few steps of it, stopped and gone on with."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from napari_densify.learn.pretrained import SLOTS, untrained
from pretrain import train as module
from pretrain.episodes import episode
from pretrain.train import Training, seen, train

CONFIG = """
seed = 2
steps = {steps}
batch = 2
patch = 16
share = 0.5
rate = 1e-3
warm_up = 2
settled = 3
unpainted = 0.5
weight_decay = 1e-2
average = 0.9
pool = 2
reuse = 2
check_every = 2
"""


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_network_is_told_what_is_annotated_mostly() -> None:
    drawn = episode(7, 3)
    cut = (slice(0, 8), slice(4, 12), slice(None))
    told, untold = seen(drawn, cut), seen(drawn, cut, painted=False)
    assert len(told) == untrained().in_channels
    assert torch.equal(told[:-SLOTS], untold[:-SLOTS])
    assert not untold[-SLOTS:].any()
    assert torch.equal(told[-SLOTS:].sum(dim=0).bool(), ~drawn.free[cut])
    where = told[-SLOTS:].sum(dim=0) > 0
    assert torch.equal(told[-SLOTS:].argmax(dim=0)[where], drawn.target[cut][where].long())


def test_it_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD_OUT", 1)
    config, out = tmp_path / "config.toml", tmp_path / "run"
    for steps in (2, 4):
        config.write_text(CONFIG.format(steps=steps))
        train(out, config, workers=0, threads=1, device="cpu")
    assert [int(row["steps"]) for row in rows(out)] == [2, 4]
    assert {float(row["guess"]) for row in rows(out)} == {float(rows(out)[0]["guess"])}
    kept = load_file(out / "pretrained.safetensors")
    untrained().load_state_dict(kept)
    assert all(v.dtype == torch.float16 for k, v in kept.items() if k.endswith("weight"))
    assert (out / "pretrained.safetensors").stat().st_size < 8e6


def test_it_begins_with_what_was_trained_before(tmp_path: Path) -> None:
    settings = tomllib.loads(CONFIG.format(steps=2))
    before = Training(settings, torch.device("cpu"))
    torch.nn.init.ones_(before.net.head.weight)
    before.averaged.update_parameters(before.net)
    before.save(tmp_path)
    begun = Training(settings, torch.device("cpu"), tmp_path / "pretrained.safetensors")
    for net in (begun.net, begun.averaged.module):
        for name, value in before.net.state_dict().items():
            torch.testing.assert_close(net.state_dict()[name], value, rtol=1e-3, atol=1e-4)
