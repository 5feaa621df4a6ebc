"""The window does not stand still while Python looks for garbage, and none is left behind."""

import gc
import weakref

import numpy as np


class Circle:
    """Garbage that only a collection finds."""

    def __init__(self) -> None:
        self.itself = self


def test_what_was_there_is_left_out_while_a_case_runs(open_case):
    before = gc.get_freeze_count()
    case = open_case()
    assert gc.get_freeze_count() > before + 10_000
    case.close()
    assert gc.get_freeze_count() == 0


def test_a_removed_layer_is_given_back(viewer, open_case, qtbot):
    layer = viewer.add_points(np.zeros((1, 3)))
    gone = weakref.ref(layer)
    open_case()
    viewer.layers.remove(layer)
    del layer
    assert gone() is not None  # it was left out when napari looked for garbage
    qtbot.waitUntil(lambda: gone() is None)
    assert gc.get_freeze_count() > 0  # and the rest is left out again


def test_what_a_closed_case_held_is_given_back(open_case):
    circle = Circle()
    gone = weakref.ref(circle)
    case = open_case()
    del circle
    gc.collect()
    assert gone() is not None
    case.close()
    gc.collect()
    assert gone() is None


def test_collections_go_on_for_what_came_later(open_case):
    open_case()
    gone = weakref.ref(Circle())
    gc.collect()
    assert gone() is None
