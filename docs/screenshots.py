"""Renew the documentation's screenshots from the real window: `make docs`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from napari_densify.ui.demo import run_demo

IMAGES = Path(__file__).parent / "images"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = run_demo(Path(folder), stay=False)
        IMAGES.mkdir(exist_ok=True)
        for each in run["rounds"]:
            name = f"round-{each['round']}.png"
            shutil.copy(Path(folder) / name, IMAGES / name)


if __name__ == "__main__":
    main()
