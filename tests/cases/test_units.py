from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_densify.cases.problem import Problem
from napari_densify.cases.sizes import VoxelSize
from napari_densify.cases.units import METRES
from napari_densify.cases.volume import Volume

units = st.sampled_from(sorted(METRES))
lengths = st.floats(0.01, 100)


@given(one=units, other=units, spacing=st.tuples(lengths, lengths, lengths))
def test_a_volume_is_as_large_in_any_unit(
    one: str, other: str, spacing: tuple[float, float, float]
) -> None:
    volume = Volume(np.zeros((1, 1, 1)), spacing, (1.0, -2.0, 3.0), unit=one)
    measured = volume.in_unit(other)
    assert measured.unit == other
    np.testing.assert_allclose(
        np.array(measured.spacing) * METRES[other], np.array(spacing) * METRES[one]
    )
    np.testing.assert_allclose(measured.in_unit(one).affine, volume.affine)


@pytest.mark.parametrize(("one", "other"), [("", "millimeter"), ("millimeter", ""), ("inch", "")])
def test_nobody_knows_how_large_it_is_in_an_unknown_unit(one: str, other: str) -> None:
    volume = Volume(np.zeros((1, 1, 1)), (1.0, 2.0, 3.0), unit=one)
    assert volume.in_unit(other) is volume


@given(one=units, other=units, spacing=st.tuples(lengths, lengths, lengths))
def test_what_is_measured_in_another_unit_is_for_the_network_as_large(
    one: str, other: str, spacing: tuple[float, float, float]
) -> None:
    size = VoxelSize(spacing, one)
    beside = size.in_unit(other).beside(size, "ct")
    assert beside.unit == one
    np.testing.assert_allclose(beside.spacing, spacing)


@pytest.mark.parametrize(
    ("size", "taken"),
    [
        (VoxelSize((1.0, 1.0, 1.0)), (2.0, 0.5, 0.5)),  # nobody has measured them
        (VoxelSize((1.0, 1.0, 1.0), "millimeter"), (1.0, 1.0, 1.0)),
        (VoxelSize((4.0, 1.0, 1.0)), (4.0, 1.0, 1.0)),
        (VoxelSize((0.3, 0.3, 0.3), "centimeter"), (3.0, 3.0, 3.0)),
    ],
)
def test_what_a_network_takes_voxels_for(
    size: VoxelSize, taken: tuple[float, float, float]
) -> None:
    wanted = VoxelSize((2.0, 0.5, 0.5), "millimeter")
    np.testing.assert_allclose(size.beside(wanted, "ct").spacing, taken)


def test_voxels_that_cannot_be_meant_are_refused() -> None:
    wanted = VoxelSize((2.0, 0.5, 0.5), "millimeter")
    with pytest.raises(Problem, match=r"“ct”.* are 1,000 times smaller than the project's"):
        VoxelSize((2.0, 0.5, 0.5), "micrometer").beside(wanted, "ct")
    with pytest.raises(Problem, match="are 500 times larger"):
        VoxelSize((2.0, 250.0, 0.5)).beside(wanted, "ct")
