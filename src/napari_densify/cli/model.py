"""Taking a project's network along: to another project, or to other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_densify.cases.formats.bioimage import write_package
from napari_densify.cases.model import SUFFIX, model_of, write_model
from napari_densify.cases.problem import Problem
from napari_densify.cases.spared import check_spares
from napari_densify.cli.checks import check_file_target
from napari_densify.cli.shared import say

ENDINGS = (SUFFIX, ".onnx", ".zip")


def model_command(
    project: Annotated[Path, typer.Argument(help="Project folder with a trained model.")],
    out: Annotated[
        Path,
        typer.Option(
            help="NAME.safetensors to begin another project with, NAME.onnx, or NAME.zip for a "
            "BioImage Model Zoo package."
        ),
    ],
) -> None:
    """Write a project's network to one file, for another project or another program.

    Example: `napari-densify model ct.densify --out liver.safetensors`
    """
    if out.suffix not in ENDINGS:
        raise Problem(f"{out.name} is no kind of model; choose one of {' '.join(ENDINGS)}.")
    card, model = model_of(project)
    check_spares([out], [])
    check_file_target(out)
    if out.suffix == SUFFIX:
        write_model(out, model)
    else:
        from napari_densify.learn.exported import as_onnx, as_torchscript, example, whole_of

        whole = whole_of(model, card)
        if out.suffix == ".onnx":
            write_model(out, as_onnx(whole, card))
        else:
            script, onnx = as_torchscript(whole, card), as_onnx(whole, card)
            write_package(out, card, script, onnx, *example(whole, card))
    say(f"Wrote {out}")
