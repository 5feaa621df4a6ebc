"""A network as a package of the BioImage Model Zoo (bioimage.io)."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from napari_densify.cases.formats.whole import whole
from napari_densify.cases.model import INPUT, NORMALISATION, OPSET, OUTPUT, ModelCard
from napari_densify.cases.names import free_name

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
        If the file cannot be written.
    """
    files: dict[str, bytes] = {
        "weights.pt": torchscript,
        "weights.onnx": onnx,
        "README.md": _about(card).encode(),
        "test_input.npy": _npy(image),
        "test_output.npy": _npy(answer),
    }
    described = yaml.safe_dump(_described(card, files), sort_keys=False, allow_unicode=True)
    with whole(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("rdf.yaml", described)
        for name, content in files.items():
            package.writestr(name, content)


def _npy(array: NDArray[np.float32]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _described(card: ModelCard, files: dict[str, bytes]) -> dict[str, Any]:
    """The package's description, see bioimage-io.github.io/spec-bioimage-io, model 0.5."""

    def file(name: str, **more: Any) -> dict[str, Any]:
        return {"source": name, "sha256": hashlib.sha256(files[name]).hexdigest(), **more}

    def axes(channels: list[str], sizes: list[Any], batch: dict[str, int]) -> list[dict[str, Any]]:
        space = [
            {"type": "space", "id": axis, "size": size, "scale": spacing}
            for axis, size, spacing in zip("zyx", sizes, card.spacing, strict=True)
        ]
        return [
            {"type": "batch", **batch},
            {"type": "channel", "id": "channel", "channel_names": channels},
            *space,
        ]

    free = [{"min": LEAST, "step": 1}] * 3
    same = [{"tensor_id": INPUT, "axis_id": axis} for axis in "zyx"]
    names = _identifiers([c.name for c in card.classes])
    channels = [f"channel{k}" for k in range(card.channels)]
    return {
        "format_version": "0.5.4",
        "type": "model",
        "name": "napari-densify segmentation",
        "description": f"Segments {', '.join(c.name for c in card.classes)} in 3-D images.",
        "authors": [{"name": "A user of napari-densify"}],
        "cite": [{"text": "napari-densify", "url": SOURCE}],
        "license": "CC-BY-4.0",
        "documentation": "README.md",
        "tags": ["segmentation", "3d", "napari-densify"],
        "inputs": [
            {
                "id": INPUT,
                "axes": axes(channels, free, {"size": 1}),
                "data": {"type": "float32"},
                "test_tensor": file("test_input.npy"),
            }
        ],
        "outputs": [
            {
                "id": OUTPUT,
                "axes": axes(names, same, {}),
                "data": {"type": "float32"},
                "test_tensor": file("test_output.npy"),
            }
        ],
        "weights": {
            "torchscript": file("weights.pt", pytorch_version=version("torch").split("+")[0]),
            "onnx": file("weights.onnx", opset_version=OPSET, parent="torchscript"),
        },
    }


def _identifiers(names: list[str]) -> list[str]:
    """Names as the zoo takes them: of letters, digits and underscores, each once."""
    made: list[str] = []
    for name in names:
        plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "class"
        plain = plain if plain[0].isalpha() else f"class_{plain}"
        made.append(free_name(plain, made))
    return made


def _about(card: ModelCard) -> str:
    spacing = " × ".join(f"{s:g}" for s in card.spacing)
    unit = card.unit or "the unit is that of the images it learned from"
    classes = "\n".join(f"- {k}: {c.name}" for k, c in enumerate(card.classes))
    return f"""# Segmentation by napari-densify

Made by {card.origin}, after {card.steps} training steps on sparse annotation.

Takes a whole volume of {card.channels} channel(s) with voxels of {spacing} (z, y, x; {unit})
and gives the probability of each class:

{classes}

Grey values are brought to the network's range inside it ({NORMALISATION}). Where a voxel lies in
the volume is part of what it looks at, so give it the whole volume, not tiles, oriented and cut as
those it learned from.

# Validation

Compare with what an expert drew on images that it has not seen before you rely on it.
"""
