"""A network as a package of the BioImage Model Zoo (bioimage.io), written by its own library."""

from __future__ import annotations

import os
import re
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.formats.whole import whole
from napari_densify.cases.model import INPUT, NORMALISATION, OPSET, OUTPUT, ModelCard
from napari_densify.cases.problem import Problem

LEAST = 16
"""Voxels along each axis that the package asks for."""
SOURCE = "https://github.com/napari-densify/napari-densify"


def write_package(
    path: Path,
    card: ModelCard,
    torchscript: bytes,
    onnx: bytes,
    image: NDArray[np.float32],
    answer: NDArray[np.float32],
) -> None:
    """Write a network that stands by itself as a `.zip` of the model zoo.

    Parameters
    ----------
    path : Path
    card : ModelCard
    torchscript, onnx : bytes
        The network in these formats; it brings grey values to its own range by itself.
    image : (1, c, z, y, x) float32
        An example.
    answer : (1, classes, z, y, x) float32
        What the network makes of it.

    Raises
    ------
    Problem
        If the extra `models` is not installed, or the file cannot be written.
    """
    # Its library asks the zoo for news when it is imported; that is not needed to write a file.
    os.environ.setdefault("BIOIMAGEIO_PERFORM_IO_CHECKS", "False")
    try:
        from bioimageio.spec import save_bioimageio_package
    except ImportError as error:
        raise Problem(
            "bioimageio.core is not installed; run “pip install napari-densify[models]”, then try "
            "again."
        ) from error
    with tempfile.TemporaryDirectory() as folder, whole(path) as partial:
        parts = Path(folder)
        (parts / "weights.pt").write_bytes(torchscript)
        (parts / "weights.onnx").write_bytes(onnx)
        (parts / "README.md").write_text(_about(card), encoding="utf-8")
        np.save(parts / "test_input.npy", image)
        np.save(parts / "test_output.npy", answer)
        save_bioimageio_package(_described(card, parts), output_path=partial)


def _described(card: ModelCard, parts: Path) -> Any:
    from bioimageio.spec.model import v0_5 as zoo

    names = [zoo.Identifier(name) for name in _identifiers([c.name for c in card.classes])]
    channels = [zoo.Identifier(f"channel{k}") for k in range(card.channels)]
    space_in, space_out = [], []
    for axis, spacing in zip("zyx", card.spacing, strict=True):
        name = zoo.AxisId(axis)
        size = zoo.ParameterizedSize(min=LEAST, step=1)
        same = zoo.SizeReference(tensor_id=zoo.TensorId(INPUT), axis_id=name)
        space_in.append(zoo.SpaceInputAxis(id=name, size=size, scale=spacing))
        space_out.append(zoo.SpaceOutputAxis(id=name, size=same, scale=spacing))
    weights = zoo.WeightsDescr(
        torchscript=zoo.TorchscriptWeightsDescr(
            source=parts / "weights.pt",
            pytorch_version=zoo.Version(version("torch").split("+")[0]),
        ),
        onnx=zoo.OnnxWeightsDescr(
            source=parts / "weights.onnx",
            opset_version=OPSET,
            parent="torchscript",
        ),
    )
    return zoo.ModelDescr(
        name="napari-densify segmentation",
        description=f"Segments {', '.join(c.name for c in card.classes)} in 3-D images.",
        authors=[zoo.Author(name="A user of napari-densify")],
        cite=[zoo.CiteEntry(text="napari-densify", url=zoo.HttpUrl(SOURCE))],
        license=zoo.LicenseId("CC-BY-4.0"),
        documentation=parts / "README.md",
        tags=["segmentation", "3d", "napari-densify"],
        inputs=[
            zoo.InputTensorDescr(
                id=zoo.TensorId(INPUT),
                axes=[zoo.BatchAxis(size=1), zoo.ChannelAxis(channel_names=channels), *space_in],
                test_tensor=zoo.FileDescr(source=parts / "test_input.npy"),
            )
        ],
        outputs=[
            zoo.OutputTensorDescr(
                id=zoo.TensorId(OUTPUT),
                axes=[zoo.BatchAxis(), zoo.ChannelAxis(channel_names=names), *space_out],
                test_tensor=zoo.FileDescr(source=parts / "test_output.npy"),
            )
        ],
        weights=weights,
    )


def _identifiers(names: list[str]) -> list[str]:
    """Names as the zoo takes them: of letters, digits and underscores, each once."""
    made: list[str] = []
    for name in names:
        plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "class"
        plain = plain if plain[0].isalpha() else f"class_{plain}"
        made.append(plain if plain not in made else f"{plain}_{len(made)}")
    return made


def _about(card: ModelCard) -> str:
    spacing = " × ".join(f"{s:g}" for s in card.spacing)
    classes = "\n".join(f"- {k}: {c.name}" for k, c in enumerate(card.classes))
    return f"""# Segmentation by napari-densify

Made by {card.origin}, after {card.steps} training steps on sparse annotation.

Takes a whole volume of {card.channels} channel(s) with voxels of {spacing} (z, y, x; the unit is
that of the images it learned from) and gives the probability of each class:

{classes}

Grey values are brought to the network's range inside it ({NORMALISATION}). Where a voxel lies in
the volume is part of what it looks at, so give it the whole volume, not tiles, oriented and cut as
those it learned from.

# Validation

Compare with what an expert drew on images that it has not seen before you rely on it.
"""
