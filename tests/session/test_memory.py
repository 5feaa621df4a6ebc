import math
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch

from napari_densify.cases.volume import Volume, as_volume
from napari_densify.learn.features import FeatureBank
from napari_densify.session.memory import PROCESS, bytes_needed, notes_on_memory


def ramp(*shape: int) -> Volume:
    return as_volume(np.arange(math.prod(shape)).reshape(shape), name="ramp")


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_asked_for_is_what_the_filters_take(channels: int) -> None:
    volume = ramp(channels, 6, 7, 8)
    image = volume.channels.astype(np.float32)
    bank = FeatureBank(image, (1.0, 1.0, 1.0), torch.device("cpu"))
    kept = image.nbytes + bank.channels * 2 * math.prod(bank.shape)
    assert bytes_needed(volume) - PROCESS == kept


def test_only_where_memory_lacks_is_anything_said(monkeypatch: pytest.MonkeyPatch) -> None:
    volume = ramp(6, 7, 8)
    for free, said in ((bytes_needed(volume), 0), (bytes_needed(volume) - 1, 1)):
        memory = SimpleNamespace(available=free)
        monkeypatch.setattr(psutil, "virtual_memory", lambda memory=memory: memory)
        notes = notes_on_memory(volume)
        assert len(notes) == said
    assert "1 GB of memory once all of “ramp” is predicted" in notes[0]
