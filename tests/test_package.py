"""The wheel: what is in it, and that it works where only it is installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from .conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment with the wheel, and this one's libraries but not its sources."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True, capture_output=True, timeout=120)
    site = next(folder.glob("lib/python*/site-packages"))
    # Lines of a .pth file do not bring the .pth files there, so not the editable install.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def run(python: Path, *arguments: str) -> str:
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [python, *arguments], capture_output=True, text=True, timeout=120, env=env, check=False,
        cwd=python.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_manifest_and_types(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"napari_densify/napari.yaml", "napari_densify/py.typed"} <= set(names)
    assert not [n for n in names if n.startswith(("tests", "bench", "docs"))]
    entry = next(n for n in names if n.endswith("entry_points.txt"))
    assert b"napari.manifest" in zipfile.ZipFile(wheel).read(entry)
    metadata = next(n for n in names if n.endswith("METADATA"))
    text = zipfile.ZipFile(wheel).read(metadata).decode()
    assert "Classifier: Framework :: napari" in text
    assert "License-Expression: BSD-3-Clause" in text
    assert "!=2.9.*" in text
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert any(link.endswith("main/docs/images/round-2.png") for link in links)
    assert not [link for link in links if not link.startswith(("https://", "#"))]


def test_the_installed_plugin_is_valid_and_found_without_torch(clean: Path) -> None:
    script = (
        "import sys, napari_densify, npe2\n"
        "assert 'clean' in napari_densify.__file__, napari_densify.__file__\n"
        "manager = npe2.PluginManager.instance()\n"
        "manager.discover()\n"
        "manifest = manager.get_manifest('napari-densify')\n"
        "assert manifest.display_name == 'Densify'\n"
        "assert [w.display_name for w in manifest.contributions.widgets] == ['Segment', 'Robot']\n"
        "assert [s.key for s in manifest.contributions.sample_data] == ['brain']\n"
        "assert 'torch' not in sys.modules\n"
        "import napari_densify.ui.segment\n"
        "assert 'torch' not in sys.modules\n"
    )
    run(clean, "-c", script)
    assert "valid" in run(clean, "-m", "npe2", "validate", "napari-densify")


def test_the_sample_brain_opens(clean: Path) -> None:
    script = (
        "from npe2 import PluginManager\n"
        "manager = PluginManager.instance()\n"
        "manager.discover()\n"
        "command = manager.commands.get('napari-densify.brain')\n"
        "(data, options, kind), = manager.commands.execute('napari-densify.brain')\n"
        "assert data.shape == (189, 233, 197) and kind == 'image', data.shape\n"
        "assert tuple(options['scale']) == (1, 1, 1)\n"
    )
    run(clean, "-c", script)


def test_the_manifest_at_the_top_is_the_packaged_one() -> None:
    assert (ROOT / "napari.yaml").resolve() == ROOT / "src" / "napari_densify" / "napari.yaml"
