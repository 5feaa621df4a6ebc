"""A learner's state as named tensors, and as one safetensors file: nothing in it is executed."""

from __future__ import annotations

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from napari_densify.cases.problem import Problem
from napari_densify.learn.learner import Learner
from napari_densify.learn.template import Template
from napari_densify.learn.trainer import part


def pack(learner: Learner) -> bytes:
    """The learner's state in the safetensors format."""
    state = {name: value.detach().cpu().contiguous() for name, value in state_of(learner).items()}
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
    load(state, learner)


def state_of(learner: Learner) -> dict[str, Tensor]:
    """Guess, network and optimiser as flat, named tensors; see `load`."""
    return {
        **{f"guess.{k}": torch.from_numpy(v) for k, v in learner.forests.state().items()},
        **learner.trainer.state(),
        "seconds": torch.tensor(learner.seconds),
        "classes": torch.tensor(learner.classes),
        "painted": torch.tensor(learner.cases.checksum),
        "balance": torch.from_numpy(learner.case.supervision.balance),
        **{f"template.{k}": v for k, v in learner.template.state().items()},
        **{f"known.{k}": v for k, v in learner.mixture.known.items()},
        "judged": learner.mixture.judgement.state(),
    }


def load(state: dict[str, Tensor], learner: Learner) -> None:
    """Let a learner go on from a state of a network of the same levels and channels.

    Raises
    ------
    Problem
        If the state is of another network; half of it may have been taken over then.
    """
    try:
        classes = [int(k) for k in state["classes"]]
        if len(set(classes)) != len(classes) or not set(classes) <= set(range(1, 255)):
            raise RuntimeError(f"classes {classes}")
        known = learner.classes
        learner.tell_apart(classes)
        same = "painted" in state and int(state["painted"]) == learner.cases.checksum
        learner.trainer.load(state, edited=not same)
        learner.forests.load({k: v.numpy() for k, v in part(state, "guess.").items()})
        learner.case.supervision.balance = state["balance"].numpy()
        learner.seconds = float(state.get("seconds", 0.0))
        learner.mixture.know(part(state, "known."))
        if "judged" in state:  # not in older models: there it is judged by the next fit
            learner.mixture.judgement.load(state["judged"])
        # Models from before there were templates go on as if this case were it.
        if template := part(state, "template."):
            learner.place(Template.from_state(template))
    except (KeyError, RuntimeError, ValueError) as error:
        raise Problem(
            "The model belongs to another network; it needs an image with as many channels "
            "and about the same voxel proportions as the one it learned from."
        ) from error
    learner.tell_apart([*classes, *(k for k in known if k not in classes)])
