"""What is compared, by name."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from bench.lane import Method
from napari_densify.cases.problem import Problem

OURS, FOREST = "ours", "forest"
METHODS = {
    OURS: ("bench.ours", "ours", ()),
    FOREST: ("bench.peers.forests", "random_forest", ("sklearn", "skimage")),
    "scratch": ("bench.ours", "from_scratch", ()),
    "boosted": ("bench.peers.forests", "boosted_trees", ("sklearn", "skimage")),
    "monai": ("bench.peers.networks", "monai_unet", ("monai",)),
    "pytorch-3dunet": ("bench.peers.networks", "pytorch_3dunet", ("pytorch3dunet", "monai")),
}
"""Name → module, function, and the packages it stands on."""


def find(name: str) -> Method:
    """The method of that name.

    Raises
    ------
    Problem
        If there is none, or what it stands on is not installed.
    """
    if name not in METHODS:
        raise Problem(f"There is no method “{name}”; choose from {', '.join(METHODS)}.")
    module, function, packages = METHODS[name]
    missing = [p for p in packages if find_spec(p) is None]
    if missing:
        raise Problem(f"{name} needs {' and '.join(missing)}; `make bench` installs that.")
    method: Method = getattr(import_module(module), function)
    return method
