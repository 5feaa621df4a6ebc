"""Channels and frames: what of an array goes in."""

from __future__ import annotations

from typing import get_args

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_densify.cases.choice import Axes, Choice
from napari_densify.cases.formats import read_part
from napari_densify.cases.place import place_for
from napari_densify.cases.problem import Problem
from napari_densify.cases.reference import describe
from napari_densify.cases.volume import Volume

SIZES = {"t": 5, "c": 3, "z": 8, "y": 9, "x": 10}


@given(st.sampled_from(get_args(Axes)), st.data())
def test_taking_a_part_finds_the_voxels_of_that_frame_and_channel(axes: Axes, data) -> None:
    shape = [SIZES[a] for a in axes]
    array = np.arange(np.prod(shape)).reshape(shape)
    frame = data.draw(st.integers(0, 4)) if "t" in axes else 0
    some = st.lists(st.integers(0, 2), max_size=3, unique=True)
    channels = tuple(data.draw(some)) if "c" in axes else ()
    choice = Choice(axes, channels, frame)
    assert choice.fits(shape)
    assert choice.shape_in(shape) == (8, 9, 10)
    got = Volume(choice.take(array)).channels
    wanted = channels or (range(3) if "c" in axes else (0,))
    named = np.moveaxis(array, [axes.index(a) for a in "zyx"], [-3, -2, -1])
    lead = axes.replace("z", "").replace("y", "").replace("x", "")
    for part, channel in zip(got, wanted, strict=True):
        at = tuple({"t": frame, "c": channel}[a] for a in lead)
        np.testing.assert_array_equal(part, named[at])


def test_only_the_frame_is_read_from_disk() -> None:
    read = []

    def chunk(block_info=None):
        read.append(block_info[None]["chunk-location"][0])
        return np.zeros((1, 8, 9, 10))

    lazy = da.map_blocks(chunk, chunks=((1,) * 6, 8, 9, 10), dtype=float, meta=np.zeros(0))
    Choice("tzyx", (), 4).take(lazy)
    assert read == [4]


@pytest.mark.parametrize("choice", [Choice("tzyx", (), 5), Choice("czyx", (0, 5)), Choice()])
def test_what_is_not_there_is_said(choice: Choice) -> None:
    with pytest.raises(Problem, match="choose them again"):
        choice.take(np.zeros((5, 8, 9, 10)), "cells")


@pytest.mark.parametrize(
    "choice",
    [
        Choice(),
        Choice("czyx", (1,)),
        Choice("czyx"),
        Choice("tczyx", (2, 0), 3),
        Choice("zyxc", (0, 1, 2)),
        Choice("tzyx", (), 0),
    ],
)
def test_a_project_keeps_what_was_chosen(choice: Choice) -> None:
    data = choice.take(np.zeros([SIZES[a] for a in choice.axes]))
    assert describe(Volume(data, choice=choice), None).choice == choice


def test_each_frame_has_its_own_project(tmp_path) -> None:
    file = tmp_path / "cells.tif"
    volumes = [Volume(np.zeros((8, 9, 10)), choice=Choice("tzyx", (), t)) for t in (0, 12)]
    names = [place_for(volume, file, "abc").name for volume in volumes]
    assert names == ["cells-frame0000.densify", "cells-frame0012.densify"]


def test_the_part_that_a_case_is_of_is_read_from_its_file(tmp_path) -> None:
    series = np.random.default_rng(0).random((5, 8, 9, 10))
    np.save(tmp_path / "cells.npy", series)
    volume = Volume(series[3], (3.0, 1.0, 1.0), unit="micrometer", choice=Choice("tzyx", (), 3))
    about = describe(volume, tmp_path / "cells.npy")
    part = read_part(tmp_path / "cells.npy", about)
    np.testing.assert_array_equal(part.data, series[3])
    assert part.choice == about.choice
    assert part.voxels == volume.voxels, "as it was painted on, whatever the file says"
    np.save(tmp_path / "short.npy", series[:2])
    with pytest.raises(Problem, match="choose them again"):
        read_part(tmp_path / "short.npy", about)
