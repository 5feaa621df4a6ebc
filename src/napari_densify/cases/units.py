"""Units of length, for files that measure in different ones."""

from __future__ import annotations

from collections.abc import Sequence

METRES = {
    "meter": 1.0,
    "centimeter": 1e-2,
    "millimeter": 1e-3,
    "micrometer": 1e-6,
    "nanometer": 1e-9,
    "angstrom": 1e-10,
}


def factor_between(unit: str, other: str) -> float | None:
    """How many of another unit one of a unit is; None where one of them is not known."""
    if unit not in METRES or other not in METRES:
        return None
    return METRES[unit] / METRES[other] if unit != other else 1.0


def in_one(units: Sequence[str]) -> tuple[list[float], str]:
    """By what lengths along axes are to be multiplied to be in one unit, the last axis's.

    Ones and "" where the units differ and one of them is unknown.
    """
    last = units[-1]
    if all(unit == last for unit in units):
        return [1.0] * len(units), last
    if all(unit in METRES for unit in units):
        return [METRES[unit] / METRES[last] for unit in units], last
    return [1.0] * len(units), ""
