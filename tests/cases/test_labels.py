from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_densify.cases.labels import check_labels
from napari_densify.cases.problem import Problem

SHAPE = (3, 4, 5)


def test_labels_from_elsewhere_become_bytes() -> None:
    labels = check_labels(np.full(SHAPE, 254.0), SHAPE, "painted")
    assert labels.dtype == np.uint8
    assert (labels == 254).all()


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (np.zeros((3, 4, 6), np.uint8), "use labels on its grid"),
        (np.zeros((1, *SHAPE), np.uint8), "use labels on its grid"),
        (np.full(SHAPE, 255), "class 255"),
        (np.full(SHAPE, -1), "class -1"),
        (np.full(SHAPE, 1.5), "no whole numbers"),
        (np.full(SHAPE, np.nan), "no whole numbers"),
        (np.full(SHAPE, np.inf), "no whole numbers|class"),
        (np.full(SHAPE, "a"), "no whole numbers"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: NDArray[np.generic], sentence: str) -> None:
    with pytest.raises(Problem, match=sentence):
        check_labels(labels, SHAPE, "painted")
