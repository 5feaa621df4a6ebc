"""The command line: the same session as in the window, without one.

A file holds a command, or two that are alike; what several of them share has files of its own.
"""

from __future__ import annotations

import logging
import sys

import typer

from napari_densify.cases.log import start_log
from napari_densify.cases.problem import Problem
from napari_densify.cli.demo import demo_command
from napari_densify.cli.evaluate import evaluate_command
from napari_densify.cli.export import export_command
from napari_densify.cli.imports import import_command
from napari_densify.cli.look import info_command, open_command
from napari_densify.cli.model import model_command
from napari_densify.cli.nnunet import nnunet_command
from napari_densify.cli.predict import predict_command
from napari_densify.cli.shared import say
from napari_densify.cli.simulate import simulate_command
from napari_densify.cli.train import add_command, train_command

app = typer.Typer(
    help="Paint a few slices of a volume; a 3-D U-Net learns from them and fills in the rest.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.command("demo")(demo_command)
app.command("open")(open_command)
app.command("train")(train_command)
app.command("add")(add_command)
app.command("predict")(predict_command)
app.command("export")(export_command)
app.command("model")(model_command)
app.command("nnunet")(nnunet_command)
app.command("import")(import_command)
app.command("evaluate")(evaluate_command)
app.command("simulate")(simulate_command)
app.command("info")(info_command)

logger = logging.getLogger(__name__)


def main() -> None:
    """Run the command line; bad input is one sentence on stderr and exit status 2."""
    start_log()
    try:
        app()
    except Problem as problem:
        # The object, not its text: so the log can tell our words from the names in it.
        logger.warning("%s", problem)
        say(str(problem), "napari-densify")
        sys.exit(2)
