"""Labels drawn elsewhere become annotation: brought to the image's voxels and the classes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_densify.cases.labels import BACKGROUND, LAST_LABEL, check_labels
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label
from napari_densify.cases.volume import Volume


def as_annotation(
    labels: Volume,
    segments: Sequence[Label],
    image: Volume,
    classes: Sequence[Label],
    complete: bool = False,
    spared: Collection[int] = (),
) -> tuple[NDArray[np.uint8], list[Label]]:
    """Labels of another program as annotation of an image.

    There 0 mostly is what nothing was said about, here 1 is background: a structure's label is one
    higher here. A segment whose name is that of a class is of that class, whatever its number.

    Parameters
    ----------
    labels : Volume
        Whole numbers, on the image's grid or on any other; without a geometry of their own they
        must be on the image's.
    segments : sequence of Label
        Name and colour of the numbers, as far as they are known.
    image : Volume
    classes : sequence of Label
        The class table.
    complete : bool
        Whether what is 0 was looked at and is background, as far as `labels` reach.
    spared : collection of ints
        Labels of classes that were merged or deleted: nothing new gets one of them.

    Returns
    -------
    annotation : (z, y, x) uint8
        On the image's grid, 0 where nothing is said.
    classes : list of Label
        The class table, with what is new in it.

    Raises
    ------
    Problem
        If they are no labels, none of them lies in the image, or there are too many.
    """
    data = check_labels(labels.data, labels.shape, labels.name)
    rows, label_of = _match(np.unique(data[data > 0]), segments, classes, spared)
    table = np.zeros(256, np.uint8)
    for number, label in label_of.items():
        table[number] = label
    table[0] = BACKGROUND if complete else 0
    there = _on_grid(table[data], labels, image)
    if not there.any():
        raise Problem(
            f"Nothing of “{labels.name}” lies in “{image.name}”; choose labels of this image."
        )
    return there, rows


def _match(
    numbers: NDArray[np.uint8],
    segments: Sequence[Label],
    classes: Sequence[Label],
    spared: Collection[int],
) -> tuple[list[Label], dict[int, int]]:
    """The class table with what is new, and which label each number becomes."""
    rows, label_of = list(classes), {}
    named = {row.name.casefold(): row.label for row in rows}
    said = {segment.label: segment for segment in segments}
    # What has no name becomes one higher, so a new class must not take that before it.
    kept_free = {*spared, *(int(number) + 1 for number in numbers if number not in said)}
    for number in map(int, numbers):
        taken = {row.label for row in rows}
        segment = said.get(number)
        free = next((k for k in range(2, LAST_LABEL + 1) if k not in taken | kept_free), 0)
        if segment is None:
            label, name, colour = number + 1, f"structure {number}", ""
            if label in spared:
                label = free
            if not 0 < label <= LAST_LABEL:
                raise Problem(f"Class {number} is one too many; there can be {LAST_LABEL - 1}.")
        else:
            label = named.get(segment.name.casefold(), free)
            name, colour = segment.name, segment.colour
            if not label:
                raise Problem(f"“{name}” is one class too many; there can be {LAST_LABEL - 1}.")
        if label not in taken:
            rows.append(Label(label=label, name=name, colour=colour))
        label_of[number] = label
    return rows, label_of


def _on_grid(data: NDArray[np.uint8], labels: Volume, image: Volume) -> NDArray[np.uint8]:
    """The nearest label at each of the image's voxels, 0 beyond the labels."""
    labels = labels.in_unit(image.unit)
    if data.shape == image.shape and (
        labels.unplaced or np.allclose(labels.affine, image.affine, atol=1e-3 * min(image.spacing))
    ):
        return data
    if labels.unplaced:
        have, want = (" × ".join(map(str, s)) for s in (data.shape, image.shape))
        raise Problem(
            f"“{labels.name}” is {have} voxels without a place and the image is {want}; use labels "
            "on its grid, or a format that says where they lie."
        )
    onto = np.linalg.inv(labels.affine) @ image.affine
    brought: NDArray[np.uint8] = ndimage.affine_transform(
        data, onto[:3, :3], onto[:3, 3], image.shape, order=0, mode="grid-constant", cval=0
    )
    return brought
