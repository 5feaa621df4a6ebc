from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_densify.cases.checked import NAME, Checked, read_checked, write_checked
from napari_densify.cases.plane import Plane
from napari_densify.cases.problem import Problem

SHAPE = (3, 4, 5)
PLANES = [Plane(axis, p) for axis in range(3) for p in range(SHAPE[axis])]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLANES), st.booleans())))
def test_what_was_said_last_of_a_slice_holds(said: list[tuple[Plane, bool]]) -> None:
    checked = Checked()
    for plane, on in said:
        checked = checked.mark(plane, on)
    last = dict(said)
    assert [p for p in PLANES if p in checked] == [p for p in PLANES if last.get(p)]


@given(st.sets(st.sampled_from(PLANES)), st.sampled_from(PLANES))
def test_the_next_slice_is_the_first_unchecked_one_behind(marked: set[Plane], here: Plane) -> None:
    checked = Checked()
    for plane in marked:
        checked = checked.mark(plane)
    length = SHAPE[here.axis]
    behind = [Plane(here.axis, (here.position + i) % length) for i in range(1, length)]
    expected = next((p for p in behind if p not in marked), None)
    assert checked.next_after(here, SHAPE) == expected


def test_it_is_the_same_when_read_again(tmp_path: Path) -> None:
    checked = Checked(slices=((0, 2), (), (4,)))
    assert read_checked(tmp_path, SHAPE) == Checked()
    write_checked(tmp_path, checked)
    assert read_checked(tmp_path, SHAPE) == checked


def test_slices_beyond_the_volume_are_not_believed(tmp_path: Path) -> None:
    write_checked(tmp_path, Checked(slices=((2, 3, 99), (), ())))
    assert read_checked(tmp_path, SHAPE).slices == ((2,), (), ())


@pytest.mark.parametrize("content", [b"", b"[]", b'{"slices": [[-1], [], []]}', b"\xff"])
def test_a_damaged_file_is_told_of(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(Problem, match="damaged"):
        read_checked(tmp_path, SHAPE)


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    write_checked(tmp_path, Checked(slices=((1,), (), ())))
    changed = (tmp_path / NAME).read_bytes().replace(b"1", b"0", 1)
    (tmp_path / NAME).write_bytes(changed)
    with pytest.raises(Problem, match="damaged"):
        read_checked(tmp_path, SHAPE)
