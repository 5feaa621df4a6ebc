"""The list of places to check."""

from __future__ import annotations

import numpy as np

from napari_densify.cases.box import Box
from napari_densify.cases.plane import Plane
from napari_densify.session.news import Block

from .conftest import LONG, paint_slice, phantom
from .test_painting import agrees


def test_a_click_goes_where_network_and_annotation_contradict_each_other(viewer, open_case, qtbot):
    case = open_case(scale=(2, 1, 1))
    panel = case.dock.check
    case.train(False)
    paint_slice(case, Plane(0, 12), phantom()[1])
    panel.expand(animate=False)
    slip = tuple(np.array(each) for each in ([3, 3, 4], [4, 5, 4], [6, 6, 6]))
    case.annotation.data_setitem(slip, 2)
    qtbot.waitUntil(agrees(case), timeout=LONG)
    ones = np.ones((8, 28, 32), np.uint8)
    case.session.take(Block(Box((0, 0, 0), (8, 28, 32)), ones, ones))
    qtbot.waitUntil(lambda: panel.list.count() > 0, timeout=LONG)
    first = panel.list.item(0)
    assert first.text().startswith("3 voxels painted structure 1, predicted background")
    panel.list.itemClicked.emit(first)
    assert viewer.dims.point[0] == 6
    assert viewer.camera.center[-2:] == (4, 6)
