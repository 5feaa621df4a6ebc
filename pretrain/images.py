"""What a scanner or a microscope would make of a structure: grey values, blur, noise, voxels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pretrain.shapes import KINDS, Field, Labels, Random, Size, smooth

FADED = 0.35
"""Share of the structures that are as bright as what is around them somewhere: there only their
shape says where they end."""

APART = 0.4
"""Share of the parts whose regions are not all of one brightness."""


def scene(random: Random, size: Size) -> tuple[Field, Labels]:
    """A grey volume and what is to be segmented in it, 0 being everything else.

    Other structures are as bright as those that are wanted, and some of the parts that were drawn
    are not wanted: what is to be found is known from the annotation only.
    """
    wanted = KINDS[int(random.integers(len(KINDS)))](random, size)
    grey = _fill(random, wanted)
    for _ in range(int(random.integers(0, 3))):
        other = KINDS[int(random.integers(len(KINDS)))](random, size)
        outside = other > 0
        if random.random() < 0.7:
            outside &= wanted == 0
        grey = np.where(outside, _fill(random, other), grey)
        if random.random() < 0.3:  # the wanted structure ends where the other one begins
            wanted = np.where(other > 0, 0, wanted).astype(np.uint8)
    parts = [int(k) for k in np.unique(wanted) if k]
    if len(parts) > 1 and random.random() < 0.25:
        wanted = np.where(wanted == random.choice(parts), 0, wanted).astype(np.uint8)
    return grey, wanted


def _fill(random: Random, labels: Labels) -> Field:
    """Each part with a brightness and a texture of its own; here and there it may fade away."""
    scale, share = random.uniform(1.0, 4), random.uniform(0, 0.6)
    texture = smooth(random, labels.shape, scale)
    slow = smooth(random, labels.shape, random.uniform(8, 24))

    def brightness(part: int) -> Field:
        coarse = share * random.uniform(0, 1.5) * texture + random.uniform(0, 0.5) * slow
        grey: Field = (random.normal() + coarse).astype(np.float32)
        return grey + _each_its_own(random, labels == part)

    grey = around = brightness(0)
    for part in range(1, int(labels.max()) + 1):
        grey = np.where(labels == part, brightness(part), grey)
    if random.random() < FADED:
        seen = random.uniform(0, 1.2) + smooth(random, labels.shape, random.uniform(8, 20))
        grey = around + np.clip(seen, 0, 1) * (grey - around)
    return grey


def _each_its_own(random: Random, inside: NDArray[np.bool_]) -> Field:
    """What makes some of the regions brighter than others, such as cells between membranes."""
    if random.random() > APART:
        return np.zeros(inside.shape, np.float32)
    regions, count = ndimage.label(inside)
    more = random.uniform(0.2, 1) * random.standard_normal(count + 1).astype(np.float32)
    more[0] = 0
    own: Field = more[regions]
    return own


def looked_at(random: Random, grey: Field) -> Field:
    """The same through an instrument: blurred, unevenly lit, noisy."""
    sharp = ndimage.gaussian_filter(grey, random.uniform(0, 1.4))
    contrast = sharp.std() + 1e-6
    light = np.exp(random.uniform(0, 0.4) * smooth(random, grey.shape, random.uniform(20, 50)))
    low = sharp.min() - random.uniform(0, 2) * contrast
    bright = (sharp - low) * light
    noise = random.standard_normal(grey.shape).astype(np.float32)
    if random.random() < 0.5:  # of neighbouring voxels alike, as after resampling
        noise = ndimage.gaussian_filter(noise, random.uniform(0.4, 1.0))
        noise /= noise.std()
    strength = contrast * np.exp(random.uniform(np.log(0.1), np.log(1.6)))
    if random.random() < 0.3:  # photons: more noise where it is brighter
        strength = strength * np.sqrt(bright / (bright.mean() + 1e-6) + 0.1)
    seen = bright + strength * noise
    if random.random() < 0.3:
        seen = np.sign(seen) * np.abs(seen) ** random.uniform(0.6, 1.6)
    return (-seen if random.random() < 0.5 else seen).astype(np.float32)


def thinned(grey: Field, labels: Labels, axis: int, step: int) -> tuple[Field, Labels]:
    """Voxels that are `step` times as long along an axis: grey values are means, labels middles."""
    if step == 1:
        return grey, labels
    middle = [slice(None)] * 3
    middle[axis] = slice(step // 2, None, step)
    wide: NDArray[np.float32] = ndimage.uniform_filter1d(grey, step, axis=axis)
    return wide[tuple(middle)], labels[tuple(middle)]


def volume(random: Random, size: Size) -> tuple[Field, Labels, tuple[float, float, float]]:
    """A grey volume, its labels and its voxel size along z, y, x; `size` before it is thinned."""
    grey, labels = scene(random, size)
    step = int(random.choice([1, 2, 3, 4], p=[0.65, 0.13, 0.12, 0.1]))
    axis = int(random.integers(3)) if random.random() < 0.2 else 0
    grey, labels = thinned(grey, labels, axis, step)
    spacing = [1.0, 1.0, 1.0]
    spacing[axis] = float(step)
    z, y, x = spacing
    return looked_at(random, grey), labels, (z, y, x)
