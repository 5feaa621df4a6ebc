"""Where torch computes."""

from __future__ import annotations

import torch

from napari_densify.cases.problem import Problem


def pick_device(name: str) -> torch.device:
    """The torch device of that name; "auto" is CUDA or MPS where present, else the CPU.

    Raises
    ------
    Problem
        If this machine has no such device.
    """
    if name != "auto":
        try:
            torch.empty(0, device=name)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise Problem(f"There is no device “{name}” here; choose auto or cpu.") from error
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
