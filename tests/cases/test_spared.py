"""What no result is written over."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_densify.cases.problem import Problem
from napari_densify.cases.spared import check_spares


def test_a_folder_in_which_an_image_lies_is_spared(tmp_path: Path) -> None:
    image = tmp_path / "study.zarr" / "deep" / "scan.nii.gz"
    image.parent.mkdir(parents=True)
    image.touch()
    (tmp_path / "link.zarr").symlink_to(tmp_path / "study.zarr")
    for target in (tmp_path / "study.zarr", image.parent, tmp_path / "link.zarr"):
        with pytest.raises(Problem, match=r"scan\.nii\.gz lies in it"):
            check_spares([tmp_path / "other.zarr", target], [image])
    check_spares([image.with_name("scan_seg.nii.gz"), tmp_path / "study_seg.zarr"], [image])


@pytest.mark.parametrize("name", ["ct.densify", "no ending"])
def test_what_a_project_holds_is_spared(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    (home / "cases").mkdir(parents=True)
    for part in ("project.json", "journal"):
        (home / part).touch()
    for target in ("annotation.zarr", "project.json", "cases/next_seg.nii.gz", f"../{name}/x.csv"):
        with pytest.raises(Problem, match="lies in the project"):
            check_spares([home / target], [])
    check_spares([home / ".." / "ct_seg.nii.gz"], [])
