"""A project's network on other images, block by block, without a window or a project of theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.box import tiles
from napari_densify.cases.choice import Choice
from napari_densify.cases.description import Description
from napari_densify.cases.learned import Learned
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label
from napari_densify.cases.sizes import VoxelSize
from napari_densify.cases.stored import painted_on
from napari_densify.cases.volume import Volume
from napari_densify.session.folding import fold, present

BLOCK = 64
"""Side of a block in voxels."""


@dataclass(frozen=True)
class Network:
    """What a project has learned, ready for other images.

    Attributes
    ----------
    model : bytes
        A saved model (safetensors).
    classes : tuple of Label
    became : dict
        What the labels of classes that are gone count as, see `Project.became`.
    widths : tuple of ints
    voxels : VoxelSize
        What it works on.
    choice : Choice
        Which part of an image goes in.
    project : Path
        Whose it is.
    """

    model: bytes
    classes: tuple[Label, ...]
    became: dict[int, int]
    widths: tuple[int, ...]
    voxels: VoxelSize
    choice: Choice
    project: Path

    @classmethod
    def read(cls, project: Path) -> Network:
        """The newest network of a project.

        Raises
        ------
        Problem
            If that is no project, or it holds no trained model.
        """
        about = Description.read(project)
        model = Learned(about.home, about.value.image.shape).read_model()
        if model is None:
            raise Problem(f"{project} holds no trained model; train it first.")
        value = about.value
        widths, choice = value.learning.widths, value.image.choice
        classes, became = value.classes, value.became
        return cls(model, classes, became, widths, about.voxels, choice, about.home)

    def part(self, image: Volume) -> Volume:
        """What of an image the network has learned from: those channels, or that frame.

        An image that has no such part is left as it is: maybe it is just that.
        """
        whole = self.choice.axes in ("zyx", "czyx") and not self.choice.channels
        if whole or not self.choice.fits(image.data.shape):
            return image
        return image.like(self.choice.take(image.data, image.name))


def segment(
    volume: Volume,
    network: Network,
    device: str = "auto",
    done: Callable[[float], None] = lambda share: None,
    probabilities: NDArray[np.float32] | None = None,
) -> NDArray[np.uint8]:
    """Segment a volume with a network; what is painted on it in the project stays as painted.

    The network is told of that, as it is in a window, so it says the same of the case on which was
    worked last.

    Beside the volume, its normalised copy and the labels, memory is taken only for the filter
    responses of a few rows of blocks.

    Parameters
    ----------
    volume : Volume
    network : Network
    device : str
    done : callable
        Told the share that is done, 0 to 1.
    probabilities : (classes, z, y, x) float32, optional
        Filled with the probabilities of the network's classes in the order of their labels; may
        lie on the disk.

    Returns
    -------
    (z, y, x) uint8
        Labels as in the annotation: 1 = background, 2… = structures.

    Raises
    ------
    Problem
        If the network is not one for this image, by channels or voxels, or what is painted in the
        project is damaged.
    """
    from napari_densify.learn.learner import Learner
    from napari_densify.learn.unet import levels_of
    from napari_densify.learn.weights import unpack

    learner = Learner(
        volume.channels,
        volume.voxels.beside(network.voxels, volume.name).spacing,
        [c.label for c in network.classes],
        device=device,
        levels=levels_of(network.widths),
        wanted=network.voxels.spacing,
    )
    painted, kept = painted_on(network.project, volume), None
    if painted is not None:
        annotation, learner.cases.elsewhere = painted
        kept = present(annotation.everything(), network.became)
        learner.apply(kept)
    unpack(network.model, learner)
    classes = np.array(learner.classes, np.uint8)
    told = [learner.classes.index(label) for label in sorted(c.label for c in network.classes)]
    labels = np.zeros(volume.shape, np.uint8)
    boxes = list(tiles(volume.shape, [BLOCK] * 3))
    for number, box in enumerate(boxes, 1):
        learner.forget(box.start[0])
        chance = fold(learner.predict(box), learner.classes, network.became)
        labels[box.slices] = classes[chance.argmax(0)]
        if probabilities is not None:
            probabilities[:, *box.slices] = chance[told]
        done(number / len(boxes))
    if kept is not None:
        labels.reshape(-1)[kept.where] = kept.after["label"]
    return labels
