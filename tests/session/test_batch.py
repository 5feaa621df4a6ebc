"""A project's network asked without a window, about images that are its own cases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.place import place_in
from napari_densify.cases.plane import Plane
from napari_densify.cases.reference import describe
from napari_densify.cases.volume import Volume, content_hash
from napari_densify.session.batch import Network, segment
from napari_densify.session.link import Settings
from napari_densify.session.others import read_others
from napari_densify.session.session import Session
from tests.session.conftest import PLANES, Drive, paint, resting

MakeDrive = Callable[[Session], Drive]


def test_an_image_that_is_painted_on_is_predicted_as_it_was_shown(
    tmp_path: Path, phantom: Volume, truth: NDArray[np.uint8], tiny: Settings, drive: MakeDrive
) -> None:
    """Of the case that was worked on last the network knows as much as the window did."""
    home = tmp_path / "balls.densify"
    volumes = [phantom, replace(phantom, data=phantom.data[::-1] * 2, name="next")]
    truths, planes = [truth, truth[::-1]], [PLANES, [Plane(0, 14)]]
    for volume, its_truth, painted in zip(volumes, truths, planes, strict=True):
        content = content_hash(volume)
        path = place_in(home, None, content) if home.exists() else home
        project = ProjectFolder(path, describe(volume, None, content))
        others, _ = read_others(project, lambda _, image: phantom)
        session = Session(volume, settings=tiny, project=project, others=others)
        for plane in painted:
            paint(session, plane, its_truth)
        session.paint(np.arange(60), 1)
        session.train()
        run = drive(session)
        run(lambda s=session: s.status.steps >= 40)
        session.pause()
        run(resting(session))
        run.end()
        np.testing.assert_array_equal(
            segment(volume, Network.read(home), "cpu"), session.prediction
        )
