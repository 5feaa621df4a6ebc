"""Where torch computes, and how exactly."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch

from napari_densify.cases.problem import Problem

AMPERE = (8, 0)
"""Compute capability from which on cuDNN convolves in bfloat16; older cards would take a way
without it."""
MPS_FROM = (2, 8)
"""The first torch whose MPS has transposed convolutions of volumes."""
ROOM = 1.5e9
"""Free bytes that a card needs: learning from two patches takes 0.3 GB there (an H100, default
network), a block of a prediction less than 0.5."""

log = logging.getLogger(__name__)


def pick_device(name: str) -> torch.device:
    """The torch device of that name; "auto" is CUDA or MPS where that computes, else the CPU.

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
    if torch.cuda.is_available() and _card_computes():
        return torch.device("cuda")
    major, minor = torch.__version__.split(".")[:2]
    able = torch.backends.mps.is_available() and (int(major), int(minor)) >= MPS_FROM
    return torch.device("mps" if able else "cpu")


def _card_computes() -> bool:
    """Whether the card is one that this torch has been built for, and has room.

    Torch says that it is there all the same, and fails once it is asked for something.
    """
    try:
        one = torch.ones(1, 1, 3, 3, 3, device="cuda")
        torch.nn.functional.conv3d(one, one).item()
        free, _ = torch.cuda.mem_get_info()
    except (RuntimeError, AssertionError) as error:
        log.warning("The graphics card is not used: %s", error)
        return False
    if free < ROOM:
        log.warning("The graphics card is not used: only %.1f GB are free there.", free / 1e9)
    return free >= ROOM


def precision(device: torch.device, training: bool = False) -> torch.dtype:
    """In which a network is asked: half precision where the machine multiplies that faster.

    On one core of an AMD EPYC with AVX512_BF16 the default network answers for 2 x 40 x 80 x 80
    voxels after 0.06 s instead of 0.12 s. On CPUs without such instructions, as in most laptops,
    torch is slower in half precision.

    Parameters
    ----------
    device : torch.device
    training : bool
        On a CPU in single precision then: it would take three quarters of the time, but torch 2.13
        now and then has gradients that are not numbers, of patches of one slice.
    """
    if device.type == "cuda":
        half = torch.cuda.get_device_capability(device) >= AMPERE
    else:
        half = device.type == "cpu" and not training and _multiplies_bfloat16()
    return torch.bfloat16 if half else torch.float32


def half_precision(device: torch.device, training: bool = False) -> AbstractContextManager[object]:
    """Where networks are asked in half precision, if that is the `precision` there."""
    half = precision(device, training) == torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16) if half else nullcontext()


@cache
def _multiplies_bfloat16() -> bool:
    """Whether the CPU does; older versions of torch cannot tell."""
    known: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))
