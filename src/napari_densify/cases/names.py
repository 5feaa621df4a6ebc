"""Names that must not be another's."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable


def free_name(name: str, taken: Collection[str], joint: str = "_") -> str:
    """The name, or with the lowest number from 2 on behind it that makes it new.

    Upper and lower case are one, as on many disks.

    Parameters
    ----------
    name : str
    taken : collection of str
    joint : str
        Between name and number.
    """
    folded = {each.casefold() for each in taken}
    numbered = (name if n == 1 else f"{name}{joint}{n}" for n in itertools.count(1))
    return next(each for each in numbered if each.casefold() not in folded)


def distinct(names: Iterable[str], taken: Iterable[str] = (), joint: str = "_") -> list[str]:
    """Each name, made new where it was there before; see `free_name`."""
    made, known = [], list(taken)
    for name in names:
        made.append(free_name(name, known, joint))
        known.append(made[-1])
    return made
