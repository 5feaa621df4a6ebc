"""How well predictions agree with truths, in files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from napari_densify.cases.export import stem_of, write_table
from napari_densify.cases.formats import APART, distance, read_segmentation
from napari_densify.cases.problem import Problem
from napari_densify.cases.spared import check_spares
from napari_densify.cli.checks import check_file_target
from napari_densify.cli.images import find_images, name_of
from napari_densify.cli.shared import progress, say

if TYPE_CHECKING:
    from napari_densify.learn.metrics import Agreement

KINDS = ("image", "truth", "label", "labels", "seg", "segmentation", "prediction", "pred", "gt")
"""Last words of names that say what of a case a file is: ``x_image`` and ``x_truth`` are of x."""
BESIDE = ("probabilities", "provenance")
"""What our own commands write beside a segmentation."""
COLUMNS = (
    "file", "label", "dice", "surface dice", "hausdorff 95", "voxels", "true voxels",
    "volume difference",
)  # fmt: skip

MEANS = ("dice", "surface_dice", "hausdorff95", "difference")


def evaluate_command(
    prediction: Annotated[Path, typer.Argument(help="A segmentation, or a folder of them.")],
    truth: Annotated[Path, typer.Argument(help="Its truth, or a folder of as many.")],
    csv: Annotated[Path | None, typer.Option(help="Table to write, a row each class.")] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Distance within which surfaces agree, in the images' unit; else the longest "
            "side of a voxel.",
        ),
    ] = None,
) -> None:
    """Compare segmentations with the truth: Dice, surface Dice, 95 % Hausdorff distance, volume.

    Files of two folders belong together if their names are the same up to a last word such as
    _image, _truth, _label or _seg. What has no truth, or no prediction, is named at the end; the
    exit status is 1 then. Probabilities and provenance beside a prediction of ours are left out.

    Example: `napari-densify evaluate results/ truths/ --csv scores.csv`
    """
    if csv is not None:
        check_file_target(csv)
    pairs, failed = _pairs(prediction, truth)
    if csv is not None:
        check_spares([csv], [path for pair in pairs for path in pair])
    found: list[tuple[str, int, Agreement]] = []
    with progress() as bar:
        for one, other in bar.track(pairs, description="comparing"):
            try:
                found += [(name_of(one), *each) for each in _compare(one, other, tolerance)]
            except Problem as problem:
                if len(pairs) == 1 and not failed:
                    raise
                failed[one.name] = str(problem)
    rows = [(name, str(label), *_numbers(agreement)) for name, label, agreement in found]
    if csv is not None:
        write_table(csv, COLUMNS, rows)
    _show(rows, found)
    for name, sentence in failed.items():
        say(sentence, name)
    if failed:
        raise typer.Exit(1)


def _compare(
    prediction: Path, truth: Path, tolerance: float | None
) -> Iterator[tuple[int, Agreement]]:
    mine, true = read_segmentation(prediction), read_segmentation(truth)
    if mine.shape != true.shape:
        have, want = (" × ".join(map(str, v.shape)) for v in (mine, true))
        raise Problem(f"{prediction.name} is {have} voxels but its truth is {want}.")
    known = not (mine.unplaced or true.unplaced)
    apart = distance(mine.in_unit(true.unit), true) if known else 0.0
    if apart > APART * min(true.spacing):
        raise Problem(
            f"{prediction.name} and its truth lie {apart:.3g} apart; their voxels are not the same."
        )
    from napari_densify.learn.metrics import compare

    within = max(true.spacing) if tolerance is None else tolerance
    labels = mine.data.astype(np.uint8, copy=False), true.data.astype(np.uint8, copy=False)
    for label in sorted({int(k) for each in labels for k in np.unique(each) if k}):
        yield label, compare(*labels, label, true.spacing, within)


def _pairs(prediction: Path, truth: Path) -> tuple[list[tuple[Path, Path]], dict[str, str]]:
    """Predictions with their truths, and of what has no partner by its name that it has none."""
    if not prediction.exists() or not truth.exists():
        missing = truth if prediction.exists() else prediction
        raise Problem(f"There is no file {missing}; check the name.")
    ones, others = _results(find_images([prediction])), find_images([truth])
    if (ones, others) == ([prediction], [truth]):
        return [(prediction, truth)], {}
    of_case: dict[str, Path] = {}
    for path in others:
        if other := of_case.get(_case(path)):
            raise Problem(f"{other.name} and {path.name} may both be the truth of one case.")
        of_case[_case(path)] = path
    pairs = [(path, of_case[_case(path)]) for path in ones if _case(path) in of_case]
    if not pairs:
        raise Problem("No name of a prediction is that of a truth; rename one or the other.")
    alone = {p.name: "There is no truth of that name." for p in ones if _case(p) not in of_case}
    if ones != [prediction]:  # else just that one was asked for
        predicted = set(map(_case, ones))
        unmet = (path.name for case, path in of_case.items() if case not in predicted)
        alone |= dict.fromkeys(unmet, "There is no prediction of that name.")
    return pairs, alone


def _results(images: list[Path]) -> list[Path]:
    """Images without those that were written beside another of them, see `export.beside`."""
    beside = {f"{stem_of(path)}_{what}" for path in images for what in BESIDE}
    return [path for path in images if stem_of(path) not in beside]


def _case(path: Path) -> str:
    """What of a file's name says which case it is of."""
    stem = stem_of(path)
    while True:
        rest, _, last = stem.rpartition("_")
        if not rest or last.lower() not in KINDS:
            return stem
        stem = rest


def _numbers(each: Agreement) -> tuple[str, ...]:
    shown = [each.dice, each.surface_dice, each.hausdorff95]
    difference = "" if math.isnan(each.difference) else f"{each.difference:+.4f}"
    scores = ("" if math.isnan(number) else f"{number:.4f}" for number in shown)
    return (*scores, str(each.voxels), str(each.truth_voxels), difference)


def _show(rows: list[tuple[str, ...]], found: list[tuple[str, int, Agreement]]) -> None:
    """The table on stdout; of several files with the mean of each class at the end."""
    table = Table()
    table.add_column(COLUMNS[0], overflow="fold")
    shown = [i for i, column in enumerate(COLUMNS) if i and "voxels" not in column]
    for i in shown:
        table.add_column(COLUMNS[i], justify="right")
    for row in rows:
        table.add_row(escape(row[0]), *(row[i] for i in shown))
    if len({name for name, *_ in found}) > 1:
        table.add_section()
        for label in sorted({label for _, label, _ in found}):
            each = [a for _, k, a in found if k == label]
            means = [_mean([getattr(a, key) for a in each]) for key in MEANS]
            table.add_row("mean", str(label), *means)
    Console().print(table)


def _mean(numbers: list[float]) -> str:
    known = [n for n in numbers if not math.isnan(n)]
    return f"{sum(known) / len(known):.4f}" if known else ""
