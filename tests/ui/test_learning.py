"""The dock's settings of learning, and what a project keeps of them."""

from __future__ import annotations

import shutil

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.project import Project

from .conftest import LONG


def test_a_strength_beyond_the_slider_stays_the_projects(open_dock, qtbot, made, tmp_path):
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    folder = ProjectFolder(tmp_path / "ct.densify")
    kept = folder.description.learning.model_copy(update={"strength": 3.0})
    folder.describe(learning=kept)
    folder.close()
    dock = open_dock()
    with qtbot.waitSignal(dock.learning.strengthChanged, timeout=LONG):
        dock.open_project(folder.path)
    loop = dock.case.loop
    assert dock.learning.strength.value() == dock.case.session.orders.settings.strength == 3
    dock.close_case()
    assert loop.wait(LONG / 1000)
    assert Project.read(folder.path).learning.strength == 3
