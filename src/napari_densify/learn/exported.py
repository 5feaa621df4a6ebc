"""A model file's network in the formats of other programs; see `learn.whole`."""

from __future__ import annotations

import io
import warnings

import numpy as np
import torch
from numpy.typing import NDArray

from napari_densify.cases.model import INPUT, OPSET, OUTPUT, ModelCard
from napari_densify.cases.problem import Problem
from napari_densify.learn.learner import Learner
from napari_densify.learn.unet import levels_of
from napari_densify.learn.weights import unpack
from napari_densify.learn.whole import Whole

TRACED = (16, 20, 24)
"""Voxels of the volume that it is written down with; any other size works too."""


def whole_of(model: bytes, card: ModelCard) -> Whole:
    """The prediction of a model as one module; of its classes in the order of its card.

    Raises
    ------
    Problem
        If the model is damaged or not what its card says.
    """
    labels = [c.label for c in card.classes]
    learner = Learner(
        np.zeros((card.channels, 8, 8, 8)),
        card.spacing,
        labels,
        device="cpu",
        levels=levels_of(card.widths),
    )
    unpack(model, learner)
    return Whole(learner, labels).eval()


def example(whole: Whole, card: ModelCard) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """An image (1, c, z, y, x) and what the module makes of it, for others to be checked with."""
    image = _image(card)
    with torch.no_grad():
        return image.numpy(), whole(image).numpy()


def as_torchscript(whole: Whole, card: ModelCard) -> bytes:
    """The module as TorchScript."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sizes that might become part of it: see the tests
        traced = torch.jit.trace(whole, _image(card), check_trace=False)  # type: ignore[no-untyped-call]
    file = io.BytesIO()
    torch.jit.save(traced, file)  # type: ignore[no-untyped-call]
    return file.getvalue()


def as_onnx(whole: Whole, card: ModelCard) -> bytes:
    """The module as ONNX, with its card as metadata.

    Raises
    ------
    Problem
        If the extra `models` is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise Problem(
            "ONNX is not installed; run “pip install napari-densify[models]”, then try again."
        ) from error
    sizes = {2: "z", 3: "y", 4: "x"}
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            whole,
            (_image(card),),
            file,  # type: ignore[arg-type]
            dynamo=False,  # the newer exporter fixes the sizes, and wants another package
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: sizes, OUTPUT: sizes},
        )
    exported = onnx.load_from_string(file.getvalue())
    for name, value in card.metadata().items():
        exported.metadata_props.add(key=name, value=value)
    return bytes(exported.SerializeToString())


def _image(card: ModelCard) -> torch.Tensor:
    """Noise of two scales, always the same."""
    random = torch.Generator().manual_seed(0)
    fine = torch.rand(1, card.channels, *TRACED, generator=random)
    coarse = torch.nn.functional.avg_pool3d(fine, 5, 1, 2)
    return 100 * (coarse + 0.1 * fine)
