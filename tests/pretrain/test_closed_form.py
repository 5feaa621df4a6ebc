"""A head that is solved on the annotated voxels."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pretrain import train as module
from pretrain.closed_form import CONFIG, ClosedForm, _ridge, train

SHAPE = (4, 5, 6)


@given(st.integers(0, 99), st.integers(2, 4), st.floats(0.05, 0.5))
def test_where_classes_are_linear_in_the_features_few_voxels_tell_the_rest(
    seed: int, classes: int, share: float
) -> None:
    draw = torch.Generator().manual_seed(seed)
    index = torch.randint(classes, SHAPE, generator=draw)
    index.view(-1)[:classes] = torch.arange(classes)
    truth = torch.nn.functional.one_hot(index, classes).movedim(-1, 0).float()
    mixed = torch.linalg.qr(torch.randn(6, 6, generator=draw))[0][:, :classes]
    features = torch.einsum("fk,kzyx->fzyx", mixed, truth).requires_grad_()
    told = torch.rand(SHAPE, generator=draw) < share
    told.view(-1)[:classes] = True
    answer = _ridge(features, truth * told, torch.tensor(1e-3))
    assert torch.equal(answer.argmax(dim=0), index)
    answer.sum().backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()


def test_nothing_annotated_is_no_answer() -> None:
    answer = _ridge(torch.randn(3, *SHAPE), torch.zeros(2, *SHAPE), torch.tensor(1.0))
    assert not answer.any()


def test_features_are_trained_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD_OUT", 1)
    config = tmp_path / "config.toml"
    shorter = {"steps": 2, "check_every": 2, "patch": 16, "pool": 2, "reuse": 2}
    settings = tomllib.loads(CONFIG.read_text()) | shorter
    config.write_text("\n".join(f"{name} = {value}" for name, value in settings.items()))
    train(tmp_path / "run", config, workers=0, threads=1, device="cpu")
    with (tmp_path / "run" / "log.csv").open() as file:
        assert [int(row["steps"]) for row in csv.DictReader(file)] == [2]
    weights = tmp_path / "run" / "pretrained.safetensors"
    begun = ClosedForm(settings, torch.device("cpu"), weights)
    assert begun.net.log_sure != 1.5
