"""Random structures: what there is to be segmented in a volume that never was.

Every kind draws a label map: 0 where nothing is, 1… the parts of the structure. They are drawn in
voxels of one size; anisotropy comes when the volume is looked at (`pretrain.images`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

Labels = NDArray[np.uint8]
Field = NDArray[np.float32]
Size = tuple[int, int, int]
Random = np.random.Generator


def smooth(random: Random, size: Size, scale: float) -> Field:
    """Noise of mean 0 and standard deviation 1 that changes over about `scale` voxels.

    A cubic B-spline through random control points, one axis after the other.
    """
    field = random.standard_normal([int(n / scale) + 5 for n in size]).astype(np.float32)
    for axis, n in enumerate(size):
        at = random.random() + np.arange(n) / scale
        knots = np.arange(field.shape[axis]) - 1
        spline = _bump(at[:, None] - knots).astype(np.float32)
        field = np.moveaxis(np.tensordot(spline, field, (1, axis)), 0, axis)
    made: Field = (field - field.mean()) / (field.std() + 1e-6)
    return made


def _bump(t: NDArray[np.floating]) -> NDArray[np.floating]:
    """The cubic B-spline, 0 from a distance of 2 on."""
    t = np.abs(t)
    inner, outer = 2 / 3 - t**2 + t**3 / 2, np.clip(2 - t, 0, None) ** 3 / 6
    return np.where(t < 1, inner, outer)


def places(random: Random, size: Size, bend: float, scale: float) -> list[Field]:
    """Where each voxel lies along z, y, x, bent smoothly by about `bend` voxels."""
    straight = np.meshgrid(*[np.arange(n, dtype=np.float32) for n in size], indexing="ij")
    return [s + bend * smooth(random, size, scale) for s in straight]


def blobs(random: Random, size: Size) -> Labels:
    """Clouds: wherever a smooth noise is high."""
    field = smooth(random, size, random.uniform(5, 16))
    field += random.uniform(0, 0.4) * smooth(random, size, random.uniform(2, 5))
    share = random.uniform(0.04, 0.35)
    labels = (field > np.quantile(field, 1 - share)).astype(np.uint8)
    if random.random() < 0.4:  # cores inside
        labels += field > np.quantile(field, 1 - share * random.uniform(0.3, 0.6))
    return labels


def organs(random: Random, size: Size) -> Labels:
    """One to three bent ellipsoids, nested, cut in two, or one beside the other."""
    labels = np.zeros(size, np.uint8)
    way = random.choice(["nested", "cut", "beside"])
    for number in range(int(random.integers(1, 4)) if way == "beside" else 1):
        centre = [n * random.uniform(0.3, 0.7) for n in size]
        radii = np.array([n * random.uniform(0.1, 0.42) for n in size])
        turn = np.linalg.qr(random.standard_normal((3, 3)))[0]
        bent = places(random, size, random.uniform(0, 4), random.uniform(10, 24))
        offset = np.stack([p - c for p, c in zip(bent, centre, strict=True)])
        along = np.tensordot(turn, offset, 1) / radii[:, None, None, None]
        distance = np.sqrt((along**2).sum(axis=0))
        part = (distance < 1).astype(np.uint8)
        if way == "nested":
            part += distance < random.uniform(0.45, 0.8)
            if random.random() < 0.3:
                part += distance < random.uniform(0.2, 0.4)
        elif way == "cut":
            part += (part > 0) & (along[int(random.integers(3))] > random.uniform(-0.3, 0.3))
        else:
            part[part > 0] = number + 1
        labels = np.where(part > 0, part, labels)
    return labels


def tubes(random: Random, size: Size) -> Labels:
    """A tree of branches that wander; walls around them or not."""
    centre = np.zeros(size, bool)
    ends = [(np.array([random.uniform(0, n) for n in size]), random.standard_normal(3))]
    for _ in range(int(random.integers(2, 9))):
        place, way = ends[int(random.integers(len(ends)))]
        for _ in range(int(random.integers(20, 70))):
            way = way / np.linalg.norm(way) + 0.25 * random.standard_normal(3)
            place = place + way / np.linalg.norm(way)
            at = place.round().astype(int)
            if ((at < 0) | (at >= size)).any():
                break
            centre[tuple(at)] = True
            if random.random() < 0.1:
                ends.append((place, way + random.standard_normal(3)))
    if not centre.any():
        return centre.astype(np.uint8)
    distance = ndimage.distance_transform_edt(~centre)
    radius = random.uniform(1.5, 5) * (1 + 0.2 * smooth(random, size, 12))
    labels = (distance < radius).astype(np.uint8)
    if random.random() < 0.3:
        labels += distance < 0.5 * radius
    return labels


def sheets(random: Random, size: Size) -> Labels:
    """Thin bent walls, where smooth noises are about 0."""
    labels = np.zeros(size, np.uint8)
    for _ in range(int(random.integers(1, 3))):
        field = smooth(random, size, random.uniform(8, 24))
        steep = np.sqrt(sum(g**2 for g in np.gradient(field))) + 1e-3
        labels |= np.abs(field) / steep < random.uniform(0.9, 2.5)
    return labels


def cells(random: Random, size: Size) -> Labels:
    """A packing of cells: their membranes, their nuclei, or cells of several kinds."""
    bent = places(random, size, random.uniform(0, 3), random.uniform(6, 16))
    diameter = random.uniform(7, 22)
    count = max(4, int(np.prod(size) / diameter**3))
    seeds = np.ones(size, bool)
    seeds[tuple(random.integers(0, n, count) for n in size)] = False
    nearest = ndimage.distance_transform_edt(seeds, return_distances=False, return_indices=True)
    number = np.ravel_multi_index(tuple(nearest), size)
    at = tuple(np.clip(p.round().astype(int), 0, n - 1) for p, n in zip(bent, size, strict=True))
    number = number[at]
    inside = _from_walls(number)
    way = random.choice(["membranes", "nuclei", "kinds"], p=[0.45, 0.35, 0.2])
    if way == "membranes":
        return (inside < random.uniform(1, 2.5)).astype(np.uint8)
    kinds = random.integers(1, 3, int(number.max()) + 1).astype(np.uint8)[number]
    gone = random.random(int(number.max()) + 1)[number] < random.uniform(0, 0.5)
    there = (inside > diameter * random.uniform(0.03, 0.15)) & ~gone
    return np.where(there, kinds if way == "kinds" else 1, 0).astype(np.uint8)


def tissue(random: Random, size: Size) -> Labels:
    """Thin walls between cells of every size, bent and stretched to threads, as of nerves."""
    turn = np.linalg.qr(random.standard_normal((3, 3)))[0]
    stretch = np.array([random.uniform(0.2, 1), random.uniform(0.5, 1), 1])
    bent = places(random, size, random.uniform(2, 8), random.uniform(12, 30))
    at = np.stack(bent, axis=-1).reshape(-1, 3) @ turn * stretch
    count = max(4, int(np.prod(size) * stretch.prod() / random.uniform(9, 26) ** 3))
    seeds = at[random.integers(0, len(at), count)]
    nearest = cKDTree(seeds).query(at)[1].reshape(size)
    grown = random.integers(0, count, count)  # some of them together make one body
    body = np.where(random.random(count) < 0.3, grown, np.arange(count))[nearest]
    return (_from_walls(body) < random.uniform(0.5, 1.8)).astype(np.uint8)


def _from_walls(number: NDArray[np.integer]) -> NDArray[np.floating]:
    """Distance to the nearest voxel that has a neighbour of another number."""
    walls = np.zeros(number.shape, bool)
    for axis in range(3):
        edge = np.diff(number, axis=axis) != 0
        low, high = [slice(None)] * 3, [slice(None)] * 3
        low[axis], high[axis] = slice(0, -1), slice(1, None)
        walls[tuple(low)] |= edge
        walls[tuple(high)] |= edge
    distance: NDArray[np.floating] = ndimage.distance_transform_edt(~walls)
    return distance


def regions(random: Random, size: Size) -> Labels:
    """The volume divided into two or three regions, told apart by whatever fills them."""
    fields = [
        smooth(random, size, random.uniform(10, 28)) for _ in range(int(random.integers(2, 4)))
    ]
    labels: Labels = np.argmax(fields, axis=0).astype(np.uint8)
    return labels


KINDS: list[Callable[[Random, Size], Labels]] = [
    blobs,
    organs,
    organs,
    organs,
    tubes,
    sheets,
    cells,
    tissue,
    tissue,
    regions,
]
"""What is drawn from; organs come in more ways than the others, tissue is hard."""
