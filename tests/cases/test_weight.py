from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_densify.cases.annotation import Annotation
from napari_densify.cases.weight import BALANCE, CEILING, class_balance, edit_weight

rounds = st.integers(1, 40)
strengths = st.floats(0, 3)


@given(st.integers(0, 255), st.booleans(), strengths)
def test_a_first_annotation_weighs_one(now: int, wrong: bool, strength: float) -> None:
    assert edit_weight(0, wrong, now, strength) == 1


@given(rounds, st.integers(0, 40), st.booleans())
def test_a_correction_weighs_more_than_one_and_at_most_the_ceiling(
    round_: int, age: int, wrong: bool
) -> None:
    assert 1 < edit_weight(round_, wrong, round_ + age) <= CEILING == 8


@given(rounds, st.integers(0, 40), st.booleans())
def test_a_correction_fades_with_every_later_round(round_: int, age: int, wrong: bool) -> None:
    now = round_ + age
    assert edit_weight(round_, wrong, now + 1) < edit_weight(round_, wrong, now)


@given(rounds, st.integers(0, 20))
def test_mending_a_mistake_weighs_more_than_confirming(round_: int, age: int) -> None:
    now = round_ + age
    assert edit_weight(round_, True, now) > edit_weight(round_, False, now)


@given(st.integers(0, 255), st.booleans(), st.integers(0, 255))
def test_without_strength_all_edits_weigh_the_same(round_: int, wrong: bool, now: int) -> None:
    assert edit_weight(round_, wrong, now, strength=0) == 1


@given(rounds, st.booleans(), st.integers(0, 20), strengths, strengths)
def test_more_strength_never_weighs_less(
    round_: int, wrong: bool, age: int, one: float, other: float
) -> None:
    weak, strong = sorted((one, other))
    now = round_ + age
    assert edit_weight(round_, wrong, now, weak) <= edit_weight(round_, wrong, now, strong)


@given(st.lists(st.just(0.0) | st.floats(1, 1e9), min_size=1, max_size=8))
def test_class_balance_keeps_its_limits_and_favours_the_rare(mass: list[float]) -> None:
    masses = np.array(mass)
    balance = class_balance(masses)
    present = masses > 0
    assert (balance[~present] == 0).all()
    assert (balance[present] >= BALANCE[0]).all()
    assert (balance[present] <= BALANCE[1]).all()
    assert (np.diff(balance[present][np.argsort(masses[present])]) <= 0).all()


def test_equal_classes_are_not_rebalanced() -> None:
    np.testing.assert_allclose(class_balance(np.array([0.0, 50.0, 50.0])), [0, 1, 1])


def test_the_weights_of_a_short_story() -> None:
    """Two equal classes in round 0; a mended mistake of each weighs 8 once it is fresh."""
    annotation = Annotation((1, 1, 8))

    def paint(where: list[int], label: int, **kwargs: bool) -> None:
        edit = annotation.change(np.array(where), label, **kwargs)
        assert edit is not None
        annotation.apply(edit)

    paint([0], 1)
    paint([1], 2)
    np.testing.assert_allclose(annotation.weights().ravel()[:4], [1, 1, 0, 0])
    paint([2], 1, wrong=True, new_round=True)
    paint([3], 2, wrong=True)
    np.testing.assert_allclose(annotation.weights().ravel()[:5], [1, 1, 8, 8, 0])
    paint([4], 1, new_round=True)
    paint([5], 2)
    weights = annotation.weights().ravel()
    np.testing.assert_allclose(weights[:6], [1, 1, 8**0.5**0.5, 8**0.5**0.5, 4, 4], rtol=1e-6)
    np.testing.assert_allclose(annotation.weights(strength=0).ravel()[:6], 1)


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_the_table_is_what_weights_reads(strength: float) -> None:
    annotation = Annotation((2, 2, 2))
    edit = annotation.change(np.array([0, 1, 2]), np.array([1, 2, 2], np.uint8), wrong=True)
    assert edit is not None
    annotation.apply(edit)
    table = annotation.weight_table(strength)
    assert (table[0] == 0).all()
    np.testing.assert_array_equal(annotation.weights(strength).ravel()[:3], table[[1, 2, 2], 0, 1])
