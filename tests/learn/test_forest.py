from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from napari_densify.learn.forest import ASKED, LEAF, Forest, _table, grow

CLASSES = 4


def grown(*args: Any, **options: Any) -> Forest:
    """A forest, grown without a break."""
    rows, *_, classes = args
    return Forest(list(chain(*grow(*args, **options))), rows.shape[1], classes)


@pytest.fixture(scope="module")
def rows() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(400, 5)).astype(np.float32)


@pytest.fixture(scope="module")
def index(rows: NDArray[np.float32]) -> NDArray[np.intp]:
    """Three classes of four, the second is missing."""
    return np.where(rows[:, 0] > 0, np.where(rows[:, 1] > 0, 3, 2), 0)


@pytest.fixture(scope="module")
def forest(rows: NDArray[np.float32], index: NDArray[np.intp]) -> Forest:
    return grown(rows, index, np.ones(400), CLASSES, trees=6, seed=0, threads=2)


def test_its_trees_answer_as_those_of_scikit_learn_do(
    rows: NDArray[np.float32], index: NDArray[np.intp]
) -> None:
    tree = DecisionTreeClassifier(min_samples_leaf=LEAF, random_state=0).fit(rows, index)
    forest = Forest([_table(tree.tree_, tree.classes_, CLASSES)], 5, CLASSES)
    probability = forest.probability(rows, threads=1)
    np.testing.assert_allclose(probability[:, tree.classes_], tree.predict_proba(rows), atol=1e-6)
    assert not probability[:, 1].any()


def test_it_learns_what_it_is_shown(
    forest: Forest, rows: NDArray[np.float32], index: NDArray[np.intp]
) -> None:
    assert (forest.probability(rows, threads=2).argmax(1) == index).mean() > 0.95


def test_threads_change_nothing(forest: Forest, rows: NDArray[np.float32]) -> None:
    one, *more = (forest.probability(rows, threads=n) for n in (1, 3, 100))
    for other in more:
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_whom_the_first_trees_are_sure_about_the_others_are_not_asked(
    rows: NDArray[np.float32], index: NDArray[np.intp]
) -> None:
    count = 2 * ASKED[-1][0]
    forest = grown(rows, index, np.ones(400), CLASSES, trees=count, seed=0, threads=1)
    each = np.cumsum([Forest([tree], 5, CLASSES).probability(rows, 1) for tree in forest.trees], 0)
    everyone = expected = each[-1] / count
    for number, sure in reversed(ASKED):
        some = each[number - 1] / number
        expected = np.where(some.max(axis=1, keepdims=True) >= sure, some, expected)
        assert 0 < (expected == everyone).all(axis=1).sum() < len(rows)
    np.testing.assert_allclose(forest.probability(rows, 2), expected, atol=1e-6)
    assert (expected.argmax(1) == everyone.argmax(1)).mean() > 0.99


def test_it_comes_back_from_its_arrays(forest: Forest, rows: NDArray[np.float32]) -> None:
    again = Forest.from_state(forest.state(), 5, CLASSES)
    np.testing.assert_array_equal(again.probability(rows, 1), forest.probability(rows, 1))


def test_what_counts_more_is_more_probable(rows: NDArray[np.float32]) -> None:
    index = np.random.default_rng(1).integers(0, 2, 400)
    heavy = grown(rows, index, 1 + 9.0 * index, 2, trees=6, seed=0, threads=1)
    assert heavy.probability(rows, 1)[:, 1].mean() > 0.8


@pytest.mark.parametrize(
    ("name", "value"),
    [("left_child", 10**6), ("right_child", 0), ("feature", 5), ("feature", -2)],
)
def test_a_tree_that_leads_astray_is_refused(forest: Forest, name: str, value: int) -> None:
    """scikit-learn would read beyond its arrays, or never come to an end."""
    state = {k: v.copy() for k, v in forest.state().items()}
    state[name][0] = value
    with pytest.raises(ValueError, match="tree"):
        Forest.from_state(state, 5, CLASSES)


@pytest.mark.parametrize("nodes", [[], [0], [3, 10**6]])
def test_counts_that_do_not_add_up_are_refused(forest: Forest, nodes: list[int]) -> None:
    with pytest.raises(ValueError, match="forest"):
        Forest.from_state(forest.state() | {"nodes": np.array(nodes, np.int32)}, 5, CLASSES)
    with pytest.raises(ValueError, match="forest"):
        Forest.from_state(forest.state(), 5, CLASSES + 1)
