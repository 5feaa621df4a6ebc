"""A trained network as one file, with what is needed to begin another project with it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Self

import safetensors
import safetensors.numpy
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_densify import __version__
from napari_densify.cases import disk
from napari_densify.cases.description import Description
from napari_densify.cases.labels import LAST_LABEL
from napari_densify.cases.learned import Learned
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label
from napari_densify.cases.reference import Length
from napari_densify.cases.ring import LARGEST
from napari_densify.cases.sizes import VoxelSize
from napari_densify.cases.volume import Volume

SUFFIX = ".safetensors"
OPSET = 17
"""Of ONNX: what onnxruntime 1.13 and later run."""
INPUT, OUTPUT = "image", "probabilities"
"""Names of an exported network's tensors."""
NORMALISATION = (
    "each channel by itself: clipped to its 0.5th and 99.5th percentile, then mean 0 and standard "
    "deviation 1"
)


class ModelCard(BaseModel):
    """What a model file says of the network in it.

    Attributes
    ----------
    classes : tuple of Label
        What it tells apart; 1 is background.
    channels : int
        Of the images it takes.
    spacing : (3,) floats
        Voxel size along z, y, x that it works on; images of another are brought to it.
    unit : str
        Of that, see `Volume`; "" if not known, as in older models.
    widths : tuple of ints
        Channels of the network below full resolution; () in older models, whose networks had
        32, 64 and 96.
    normalisation : str
        How grey values are brought to it.
    origin : str
        What made it, and when.
    steps : int
        How many training steps it has made.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    classes: tuple[Label, ...] = Field(min_length=1, max_length=LAST_LABEL)
    channels: int = Field(ge=1, le=4096)
    spacing: tuple[Length, Length, Length]
    unit: str = ""
    widths: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field((), max_length=8)
    normalisation: str = NORMALISATION
    origin: str = ""
    steps: int = Field(0, ge=0)

    @classmethod
    def of(cls, metadata: dict[str, str]) -> Self:
        """The card from a safetensors file's metadata, each value of which is JSON.

        Raises
        ------
        ValueError
            If it is another program's.
        """
        known = cls.model_fields.keys() & metadata.keys()
        return cls(**{name: json.loads(metadata[name]) for name in known})

    @property
    def voxels(self) -> VoxelSize:
        """What it works on."""
        return VoxelSize(self.spacing, self.unit)

    def metadata(self) -> dict[str, str]:
        """What `of` reads."""
        fields = self.model_dump(mode="json")
        return {k: json.dumps(v, ensure_ascii=False) for k, v in fields.items()}

    def check_image(self, volume: Volume) -> None:
        """Refuse an image that the network cannot take.

        Raises
        ------
        Problem
        """
        found = len(volume.channels)
        if found != self.channels:
            raise Problem(
                f"The model takes images of {self.channels} channels and “{volume.name}” has "
                f"{found}; choose another model, or other channels."
            )
        volume.voxels.beside(self.voxels, volume.name)


def model_of(project: Path) -> tuple[ModelCard, bytes]:
    """A project's newest network with its card, as a model file's contents.

    Raises
    ------
    Problem
        If it has not learned anything yet, or tells other classes apart than the project now.
    """
    about = Description.read(project)
    value = about.value
    model = Learned(about.home, value.image.shape).read_model()
    if model is None:
        raise Problem(f"{project} holds no trained model; train it first.")
    tensors = safetensors.numpy.load(model)
    rows = {row.label: row for row in value.classes}
    learned = sorted(int(k) for k in tensors["classes"])
    if not rows.keys() >= set(learned):
        raise Problem(
            f"The network of {project} still tells classes apart that were merged or deleted; "
            "press “Forget” and let it learn again, then take it along."
        )
    card = ModelCard(
        classes=tuple(rows[label] for label in learned),
        channels=value.image.channels,
        spacing=about.voxels.spacing,
        unit=about.voxels.unit,
        widths=value.learning.widths,
        origin=f"napari-densify {__version__}, {date.today().isoformat()}",
        steps=int(tensors["steps"]),
    )
    # Another project's training begins at the beginning, with the weights as they are. The template
    # is a picture of a patient, however small, and stays where the patient's image is.
    left = ("optimiser.", "template.", "seconds")
    kept = {k: v for k, v in tensors.items() if not k.startswith(left)}
    return card, safetensors.numpy.save(kept, card.metadata())


def write_model(path: Path, model: bytes) -> None:
    """Write a model file in the place of the one before.

    Raises
    ------
    Problem
        If it cannot be written.
    """
    try:
        disk.replace(path, model)
    except OSError as error:
        raise Problem(f"Cannot write {path} ({error.strerror}); choose another folder.") from error


def read_model(path: Path) -> tuple[ModelCard, bytes]:
    """Read a model file; nothing in it is executed.

    Raises
    ------
    Problem
        If it is none, or damaged.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError("too large")
        with safetensors.safe_open(path, "numpy") as file:
            card = ModelCard.of(file.metadata() or {})
        return card, path.read_bytes()
    except (OSError, KeyError, ValueError, ValidationError, safetensors.SafetensorError) as error:
        raise Problem(
            f"{path} is no model of napari-densify; make one with “napari-densify model”."
        ) from error
