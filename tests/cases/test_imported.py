"""Labels of other programs, and which classes they become."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_densify.cases.imported import as_annotation
from napari_densify.cases.problem import Problem
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


def test_labels_that_are_measured_in_another_unit_lie_where_they_lie() -> None:
    image = Volume(np.zeros((1, 2, 6)), (2.0, 1.0, 0.5), (7.0, 8.0, 9.0), unit="micrometer")
    coarse = Volume(
        np.array([[[0, 1, 2]]], np.uint8),
        (2000.0, 2000.0, 1000.0),
        (7000.0, 8500.0, 9250.0),
        unit="nanometer",
    )
    found, _ = as_annotation(coarse, [], image, CLASSES)
    assert found.tolist() == [[[0, 0, 2, 2, 3, 3]] * 2]


def test_labels_that_do_not_say_where_they_lie_are_those_of_the_voxels() -> None:
    image = Volume(np.zeros((1, 1, 3)), (2.0, 1.0, 0.5), (7.0, 8.0, 9.0), unit="millimeter")
    labels = replace(image.like(np.array([[[0, 1, 2]]], np.uint8)), origin=(0,) * 3, located=False)
    found, _ = as_annotation(labels, [], image, CLASSES)
    assert found.tolist() == [[[0, 2, 3]]]
    with pytest.raises(Problem, match="without a place"):
        as_annotation(labels.like(labels.data[..., :2]), [], image, CLASSES)
