"""Labels of other programs, and which classes they become."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_densify.cases.imported import as_annotation
from napari_densify.cases.project import Label
from napari_densify.cases.volume import Volume

CLASSES = [Label(label=1, name="background"), Label(label=2, name="liver")]
numbers = st.sets(st.integers(1, 12), min_size=1)


@given(there=numbers, named=numbers, gone=st.sets(st.integers(3, 12)))
def test_classes_stay_apart_and_none_gets_the_number_of_one_that_is_gone(
    there: set[int], named: set[int], gone: set[int]
) -> None:
    data = np.array([0, *sorted(there)], np.uint8).reshape(1, 1, -1)
    segments = [Label(label=k, name=f"lesion {k}") for k in named]
    image = Volume(np.zeros(data.shape))
    found, rows = as_annotation(Volume(data), segments, image, CLASSES, spared=gone)
    became = found.ravel()[1:].tolist()
    assert len(set(became)) == len(there)
    assert not set(became) & gone
    names = {row.label: row.name for row in rows}
    for number, label in zip(sorted(there), became, strict=True):
        if number in named:
            assert names[label] == f"lesion {number}"
        elif number + 1 not in gone:
            assert label == number + 1


def test_a_segment_of_a_known_name_is_of_that_class() -> None:
    data = np.array([[[0, 7]]], np.uint8)
    image = Volume(np.zeros(data.shape))
    found, rows = as_annotation(Volume(data), [Label(label=7, name="LIVER")], image, CLASSES)
    assert found.ravel().tolist() == [0, 2]
    assert rows == CLASSES
