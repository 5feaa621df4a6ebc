from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from napari_densify.cases.names import distinct, free_name

names = st.lists(st.sampled_from(["a", "A", "a_2", "a_3", "b", "b_2_2"]), max_size=8)


@given(names, names)
def test_no_name_is_anothers(wanted: list[str], taken: list[str]) -> None:
    made = distinct(wanted, taken)
    folded = [name.casefold() for name in made]
    assert len(set(folded)) == len(wanted)
    assert not set(folded) & {name.casefold() for name in taken}
    assert all(new.startswith(name) for new, name in zip(made, wanted, strict=True))


def test_a_name_that_is_free_stays() -> None:
    assert free_name("liver", ["spleen", "liver_2"]) == "liver"
    assert free_name("liver", ["Liver", "liver_2"]) == "liver_3"
