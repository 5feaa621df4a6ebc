from __future__ import annotations

import mmap
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_densify.cases.box import Box
from napari_densify.learn.features import FeatureBank
from napari_densify.learn.pages import Pages


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


def test_an_array_of_any_shape_begins_with_zeros() -> None:
    for shape in ((3, 4, 5), (0, 4), (7,)):
        array = Pages(shape, np.float16).array
        assert (array.shape, array.dtype, array.any()) == (shape, np.float16, False)
        array[...] = 1
        assert array.all()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_what_is_given_back_is_no_longer_held() -> None:
    pages = Pages((64, 1 << 20), np.uint8)
    before = resident()
    pages.array[:48] = 1
    assert resident() - before > 40 << 20
    pages.give_back(40)
    assert resident() - before < 16 << 20
    assert pages.array[40:48].all(), "what is behind stays"
    assert not pages.array[:40].any()


def test_what_is_forgotten_is_computed_again() -> None:
    image = np.random.default_rng(0).random((1, 150, 20, 22), np.float32)
    bank = FeatureBank(image, (1, 1, 1), torch.device("cpu"))
    box = Box((10, 2, 3), (140, 9, 20))
    before = bank.read(box).copy()
    bank.forget(130)
    np.testing.assert_array_equal(bank.read(box), before)


@pytest.mark.skipif(sys.platform != "linux", reason="others do not reserve what is not touched")
def test_more_may_be_had_than_the_machine_has_memory() -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    pages = Pages((4, memory), np.uint8)
    pages.array[3, -1] = 1
    assert pages.array[3, -1] == 1
