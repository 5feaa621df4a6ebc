"""What a comparison found, as JSON."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.lane import Options
from bench.trial import Result


def write(path: Path, results: Sequence[Result], options: Options, slices: int) -> None:
    """Write all results so far; `options.seed` is the number of seeds here."""
    head = {
        "threads": options.threads,
        "device": options.device,
        "clock": "free" if options.free_clock else "wall",
        "seeds": options.seed,
        "slices": slices,
        "marks": options.marks,
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
    }
    body = [as_dict(result, options.marks) for result in results]
    path.write_text(json.dumps(head | {"results": body}, indent=1) + "\n")


def as_dict(result: Result, marks: Sequence[float]) -> dict[str, Any]:
    """One method on one volume with one seed, with what the curve says at the marks."""
    curve = result.curve
    points = {mark: curve.at(mark) for mark in marks}
    return {
        "volume": result.volume,
        "method": result.method,
        "seed": result.seed,
        "first_seconds": _known(curve.first),
        "dice": {f"{m:g}": round(curve.dice(m), 4) for m in marks},
        "surface_dice": {
            f"{m:g}": _known(round(p.surface, 4)) if p else 0.0 for m, p in points.items()
        },
        "area": round(curve.area(max(marks)), 4),
        "largest_fall": round(curve.largest_fall(marks), 4),
        "facts": {k: round(v, 4) if isinstance(v, float) else v for k, v in result.facts.items()},
        "failure": result.failure,
        "curve": [{k: _known(v) for k, v in asdict(p).items()} for p in curve.points],
    }


def _known(value: float) -> float | None:
    """JSON knows no NaN."""
    return None if math.isnan(value) else value
