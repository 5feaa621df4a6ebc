"""Oblique planes: where they lie, and on which one some voxels lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_densify.cases.problem import Problem

SLACK = 0.3
"""How much thicker than a digital plane, in its own thickness, voxels may be that are said to lie
on it: what is painted may be a small part of it, whose best plane is another."""
FEWEST = 16
"""Voxels below which they may lie on a plane by chance."""
NARROW = 1.0
"""Standard deviation in voxels of a stroke's width below which it may lie on many planes."""


@dataclass(frozen=True)
class ObliquePlane:
    """A plane by two angles and an offset; all zero, it is the middle xy slice.

    Parameters
    ----------
    tilt : float
        Degrees that the plane is turned about the x axis, −90 to 90.
    turn : float
        Degrees that it is turned about the y axis after that, −90 to 90.
    offset : float
        How far along its normal it is from the volume's middle voxel, in physical units.
    """

    tilt: float = 0.0
    turn: float = 0.0
    offset: float = 0.0

    @classmethod
    def across(cls, normal: ArrayLike, point: ArrayLike) -> Self:
        """The plane across a direction, through a point.

        Parameters
        ----------
        normal : (3,) floats
            Physical direction along z, y, x, of any length above zero and either sign.
        point : (3,) floats
            Physical position (z, y, x) from the volume's middle voxel.
        """
        z, y, x = np.asarray(normal, float) / np.linalg.norm(normal)
        tilt, turn = np.degrees(np.arcsin(y)), np.degrees(np.arctan2(x, z))
        if abs(turn) > 90:  # the same plane, with its normal towards higher slices
            tilt, turn = -tilt, turn - np.copysign(180, turn)
        plane = cls(float(tilt), float(turn))
        return cls(plane.tilt, plane.turn, float(plane.normal @ np.asarray(point, float)))

    @classmethod
    def through(cls, points: ArrayLike) -> Self:
        """The plane through three points.

        Parameters
        ----------
        points : (3, 3) floats
            Physical positions (z, y, x) from the volume's middle voxel, a row each.

        Raises
        ------
        Problem
            If they lie on a line.
        """
        one, two, three = np.asarray(points, float)
        normal = np.cross(two - one, three - one)
        if np.linalg.norm(normal) <= 1e-6 * np.linalg.norm(two - one) * np.linalg.norm(three - one):
            raise Problem("The three points lie on a line; click three that do not.")
        return cls.across(normal, one)

    @property
    def axes(self) -> NDArray[np.float64]:
        """(3, 3) physical unit vectors (z, y, x): the normal, down the picture, along its rows."""
        (s, c), (t, d) = ((np.sin(a), np.cos(a)) for a in np.radians((self.tilt, self.turn)))
        axes = np.array([[c * d, s, c * t], [-s * d, c, -s * t], [-t, 0, d]])
        axes[np.abs(axes) < 1e-12] = 0  # the cosine of 90°
        return axes

    @property
    def normal(self) -> NDArray[np.float64]:
        """(3,) physical unit vector (z, y, x) across the plane."""
        normal: NDArray[np.float64] = self.axes[0]
        return normal


def normal_of(zyx: NDArray[np.int64], spacing: ArrayLike) -> NDArray[np.float64] | None:
    """The normal of the plane that voxels lie on.

    Parameters
    ----------
    zyx : (3, n) ints
        Voxel indices.
    spacing : (3,) floats
        Distance between voxel centres along z, y, x in a physical unit.

    Returns
    -------
    (3,) floats or None
        Physical unit vector (z, y, x), positive along the axis that it is nearest to; None if
        they do not lie on the voxels of one plane, or may lie on many.
    """
    away = zyx - zyx.mean(axis=1, keepdims=True)
    spread, directions = np.linalg.eigh(away @ away.T / zyx.shape[1])
    across = directions[:, 0]
    thickness = np.ptp(across @ away) / np.abs(across).sum()
    few = zyx.shape[1] < FEWEST
    if few or thickness > 1 + SLACK or spread[1] < NARROW**2:
        return None
    normal = across / np.asarray(spacing)
    normal *= np.sign(normal[np.abs(normal).argmax()]) / np.linalg.norm(normal)
    unit: NDArray[np.float64] = normal
    return unit
