"""A learner's state as one safetensors file: nothing in it is ever executed."""

from __future__ import annotations

import safetensors
import safetensors.torch

from napari_densify.cases.problem import Problem
from napari_densify.learn.learner import Learner


def pack(learner: Learner) -> bytes:
    """The learner's state in the safetensors format."""
    state = {name: value.detach().cpu().contiguous() for name, value in learner.state().items()}
    return bytes(safetensors.torch.save(state))


def unpack(model: bytes, learner: Learner) -> None:
    """Bring a learner to a packed state.

    Raises
    ------
    Problem
        If the bytes are no safetensors file or of another network.
    """
    try:
        state = safetensors.torch.load(model)
    except safetensors.SafetensorError as error:
        raise Problem("The model file is damaged; train it again.") from error
    learner.load(state)
