"""Where torch computes, and how exactly."""

from __future__ import annotations

import pytest
import torch

from napari_densify.learn.device import pick_device, precision


def test_the_device_is_picked_by_itself() -> None:
    expected = "cuda" if torch.cuda.is_available() else None
    assert expected is None or pick_device("auto").type == expected
    assert pick_device("cpu").type == "cpu"


@pytest.mark.parametrize("trouble", ["no kernel", "no room"])
def test_a_card_that_cannot_be_computed_on_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    def ones(*shape: int, device: str) -> torch.Tensor:
        assert device == "cuda"
        if trouble == "no kernel":
            raise RuntimeError("no kernel image is available for execution on the device")
        return torch.zeros(shape)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1e8, 8e9))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch, "ones", ones)
    assert pick_device("auto").type == "cpu"
    assert "The graphics card is not used" in caplog.text


@pytest.mark.parametrize("name", ["toaster", "cuda:99", "xla"])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        pick_device(name)


@pytest.mark.parametrize(("version", "name"), [("2.7.1", "cpu"), ("2.8.0+cpu", "mps")])
def test_apples_gpu_is_taken_once_torch_can_use_it(
    monkeypatch: pytest.MonkeyPatch, version: str, name: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch, "__version__", version)
    assert pick_device("auto").type == name


@pytest.mark.parametrize(("capability", "half"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_cards_that_cannot_do_so_are_not_asked_in_half_precision(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], half: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    chosen = precision(torch.device("cuda"), training=True)
    assert chosen == (torch.bfloat16 if half else torch.float32)
