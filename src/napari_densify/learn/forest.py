"""Random forests, fitted by scikit-learn and kept as plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier
from sklearn.tree._tree import NODE_DTYPE, Tree

LEAF = 5
"""Fewest samples of a leaf: Dice on four hippocampi .725, nuclei .882; with 2 .721 and .876, with
10 alike."""

DRAWS = 10000
"""Most rows that a tree is drawn. With 60000 Dice of fib25 is .770 instead of .761 and nuclei .883
instead of .881, but to fit takes 6.1 s of one thread instead of 1.3 s."""

ASKED = ((8, 0.9), (20, 0.75))
"""After so many trees, those who are that sure by then are not asked about any more: 28 trees take
1.5 s instead of 1.9 s for all of fib25, where others are asked only below 0.95 by the first eight.
Dice of six hippocampi, made better by what was learned beforehand, .810 like that; .810 with 0.95,
.808 where all are asked, .806 after 6 trees from 0.9, 12 from 0.8 and 20 from 0.7 (three seeds)."""

Table = dict[str, NDArray[Any]]
"""One tree: left_child, right_child, feature, threshold (nodes,), values (nodes, classes)."""

Result = TypeVar("Result")


class Forest:
    """Trees that say how probable each class is (Breiman 2001, doi.org/10.1023/A:1010933404324).

    As arrays they can be saved without pickling, so that reading them runs nothing.

    Parameters
    ----------
    trees : list of dicts
        See `Table`.
    features, classes : ints
        Columns of what it is asked and of what it answers.
    """

    def __init__(self, trees: Sequence[Table], features: int, classes: int) -> None:
        self.trees, self.features, self.classes = list(trees), features, classes
        self._scikit = [_scikit_tree(t, features, classes) for t in self.trees]

    def probability(self, rows: NDArray[np.float32], threads: int) -> NDArray[np.float32]:
        """(n, classes) mean of what the trees say, as many of them as it takes, see `ASKED`.

        Parameters
        ----------
        rows : (n, features) float32
        threads : int
        """
        # scikit-learn lets go of the interpreter's lock in here.
        return np.concatenate(_in_threads(self._mean, np.array_split(rows, threads)))

    def _mean(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        trees = self._scikit
        stages = [(number, sure) for number, sure in ASKED if number < len(trees)]
        mean = np.empty((len(rows), self.classes), np.float32)
        unsure, total, before = np.arange(len(rows)), np.zeros((len(rows), self.classes)), 0
        for number, sure in [*stages, (len(trees), 0.0)]:
            total += _sum(trees[before:number], rows)
            mean[unsure] = total / number
            more = total.max(axis=1) < sure * number
            if not more.any():
                break
            unsure, total, rows, before = unsure[more], total[more], rows[more], number
        return mean

    def state(self) -> Table:
        """The whole forest as a few arrays; see `from_state`."""
        joined = {k: np.concatenate([t[k] for t in self.trees]) for k in self.trees[0]}
        return {**joined, "nodes": np.array([len(t["feature"]) for t in self.trees], np.int32)}

    @classmethod
    def from_state(cls, state: Table, features: int, classes: int) -> Self:
        """Bring a forest back.

        Raises
        ------
        KeyError, ValueError
            If that is no forest of so many features and classes.
        """
        nodes, values = state["nodes"].astype(int), state["values"]
        ends = np.cumsum(nodes)
        if (nodes < 1).any() or not nodes.size or values.shape != (ends[-1], classes):
            raise ValueError("not a forest of these classes")
        names = ("left_child", "right_child", "feature", "threshold", "values")
        trees = [
            {name: state[name][end - n : end] for name in names}
            for n, end in zip(nodes, ends, strict=True)
        ]
        for tree in trees:
            _check(tree, features)
        return cls(trees, features, classes)


def grow(
    rows: NDArray[np.float32],
    index: NDArray[np.integer],
    weight: NDArray[np.floating],
    classes: int,
    *,
    trees: int,
    seed: int,
    threads: int,
) -> Iterator[list[Table]]:
    """Grow trees, each tree from as many draws as there are rows, up to `DRAWS`.

    Weights decide how often a row is drawn (Chen, Liaw and Breiman 2004, "Using random forest to
    learn imbalanced data"): trees grow from fewer different rows, in half the time of weights that
    count in the splits. scikit-learn's own forest spends longer on checking its arguments than on
    small trees, and cannot be interrupted.

    Parameters
    ----------
    rows : (n, features) float32
    index : (n,) ints
        Class of each row, below `classes`; some may be missing.
    weight : (n,) floats
        How often each row is drawn, in proportion.
    classes, trees, seed, threads : ints

    Yields
    ------
    list of dicts
        As many trees as there are threads, or fewer at the end: then something else may be done.
    """
    columns = np.ascontiguousarray(rows, np.float32)
    drawn_up_to = np.cumsum(weight, dtype=np.float64)

    def one(number: int) -> Table:
        random = np.random.default_rng((seed, number))
        chance = random.random(min(len(rows), DRAWS))
        draws = np.searchsorted(drawn_up_to, chance * drawn_up_to[-1])
        times = np.bincount(draws, minlength=len(rows))
        drawn = np.flatnonzero(times)
        tree = DecisionTreeClassifier(
            min_samples_leaf=LEAF,
            max_features="sqrt",
            random_state=int(random.integers(1 << 31)),
        )
        tree.fit(columns[drawn], index[drawn], times[drawn], check_input=False)
        return _table(tree.tree_, tree.classes_, classes)

    for first in range(0, trees, threads):
        yield _in_threads(one, range(first, min(first + threads, trees)))


def _sum(trees: Sequence[Any], rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, classes) of what some trees say, added up one by one: a fifth faster than all at once."""
    total: NDArray[np.float64] = trees[0].predict(rows)
    for tree in trees[1:]:
        total += tree.predict(rows)
    return total


def _in_threads(work: Callable[[Any], Result], parts: Sequence[Any]) -> list[Result]:
    """Do the parts of some work side by side, a single one in this thread."""
    if len(parts) == 1:
        return [work(parts[0])]
    with ThreadPoolExecutor(len(parts)) as pool:
        return list(pool.map(work, parts))


def _table(tree: Any, present: NDArray[np.integer], classes: int) -> Table:
    """A tree of scikit-learn; columns of classes that it never met are 0."""
    values = np.zeros((tree.node_count, classes), np.float32)
    values[:, present] = tree.value[:, 0]
    return {
        "left_child": tree.children_left.astype(np.int32),
        "right_child": tree.children_right.astype(np.int32),
        "feature": tree.feature.astype(np.int32),
        "threshold": tree.threshold.copy(),
        "values": values / values.sum(axis=1, keepdims=True),
    }


def _scikit_tree(table: Table, features: int, classes: int) -> Any:
    """scikit-learn's tree, which is a hundred times faster than walking down arrays in numpy."""
    tree = Tree(features, np.array([classes], np.intp), 1)
    nodes = np.zeros(len(table["feature"]), NODE_DTYPE)
    for name in ("left_child", "right_child", "feature", "threshold"):
        nodes[name] = table[name]
    values = table["values"].astype(np.float64)[:, None, :]
    state = {"max_depth": 0, "node_count": len(nodes), "nodes": nodes, "values": values}
    tree.__setstate__(state)
    return tree


def _check(tree: Table, features: int) -> None:
    """Refuse a tree that would lead out of its own arrays: scikit-learn does not look."""
    left, right, feature = tree["left_child"], tree["right_child"], tree["feature"]
    at = np.arange(len(left))
    leaf = left == -1
    inner = ~leaf
    # Children come after their parents, so that every way down ends.
    for child in (left, right):
        if ((child <= at) | (child >= len(at)))[inner].any():
            raise ValueError("a tree leads out of itself")
    if (right[leaf] != -1).any() or ((feature < 0) | (feature >= features))[inner].any():
        raise ValueError("a tree asks for what there is not")
