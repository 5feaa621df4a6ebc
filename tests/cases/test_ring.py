"""The last models of a project."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

from napari_densify.cases.ring import ModelRing

from .projects import model


def test_the_ring_keeps_three_models_and_refuses_a_changed_one(tmp_path: Path) -> None:
    ring = ModelRing(tmp_path / "model")
    assert ring.newest() == (None, 0)
    for value in range(5):
        ring.save(model(value))
    assert [number for number, _, _ in ring.files()] == [3, 4, 5]
    assert ring.newest() == (model(4), 0)
    file = ring.files()[-1][2]
    changed = bytearray(file.read_bytes())
    changed[-1] ^= 1
    file.write_bytes(changed)
    assert ring.newest() == (model(3), 1)
    ring.clear()
    assert ring.newest() == (None, 0)


def test_a_pickle_is_no_model(tmp_path: Path) -> None:
    ring = ModelRing(tmp_path / "model")
    ring.save(model(1))
    content = pickle.dumps({"weight": [1.0]})
    digest = hashlib.sha256(content).hexdigest()[:16]
    (ring.folder / f"0002-{digest}.safetensors").write_bytes(content)
    assert ring.newest() == (model(1), 1)
