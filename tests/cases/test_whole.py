"""What an export replaces, and what it never does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_densify.cases.formats import medical, read_any, write_volume
from napari_densify.cases.problem import Problem
from napari_densify.cases.volume import Volume

IMAGE = Volume(np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4))


def everything(folder: Path) -> dict[Path, bytes | None]:
    """All that lies in a folder."""
    return {p: p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


@pytest.mark.parametrize("name", ["x.zarr", "x.ome.zarr", "x.nii.gz", "x.tif"])
def test_a_folder_of_other_things_is_left_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name / "deep").mkdir(parents=True)
    (tmp_path / name / "deep" / "notes.txt").write_text("precious")
    before = everything(tmp_path)
    with pytest.raises(Problem, match="a folder that was not written here"):
        write_volume(tmp_path / name, IMAGE)
    assert everything(tmp_path) == before


def test_an_image_of_another_program_is_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "x.ome.zarr"
    write_volume(folder, IMAGE)
    about = folder / "zarr.json"
    about.write_text(about.read_text().replace('"napari-densify"', '"another"'))
    before = everything(tmp_path)
    with pytest.raises(Problem, match="a folder that was not written here"):
        write_volume(folder, IMAGE)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("added", ["notes.txt", "scan.ome.zarr/0", "labels/by hand/0"])
def test_an_export_to_which_something_was_added_is_left_as_it_is(
    tmp_path: Path, added: str
) -> None:
    folder = tmp_path / "x.ome.zarr"
    write_volume(folder, IMAGE, image=IMAGE)
    (folder / added).parent.mkdir(parents=True, exist_ok=True)
    (folder / added).write_text("precious")
    before = everything(tmp_path)
    with pytest.raises(Problem, match="a folder that was not written here"):
        write_volume(folder, IMAGE, image=IMAGE)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("image", [None, IMAGE])
def test_an_export_is_replaced_by_the_next(tmp_path: Path, image: Volume | None) -> None:
    folder = tmp_path / "x.ome.zarr"
    folder.mkdir()
    for values in (IMAGE, IMAGE.like(IMAGE.data[::-1])):
        write_volume(folder, values, image=image)
    labels = folder if image is None else folder / "labels" / "segmentation"
    np.testing.assert_array_equal(read_any(labels).data, IMAGE.data[::-1])
    assert [p.name for p in tmp_path.iterdir()] == ["x.ome.zarr"]


@pytest.mark.parametrize("left", [0, 20, 400])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_nifti_that_a_full_disk_has_cut_short_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, left: int
) -> None:
    """The library that writes it says nothing then."""
    file = tmp_path / f"x{ending}"
    write_volume(file, IMAGE)
    before, write = file.read_bytes(), medical.sitk.WriteImage

    def cut(image: object, path: str, **how: bool) -> None:
        write(image, path, **how)
        whole = Path(path).read_bytes()
        Path(path).write_bytes(whole[: min(left, len(whole) - 1)])

    monkeypatch.setattr(medical.sitk, "WriteImage", cut)
    noise = np.random.default_rng(0).integers(0, 200, (9, 9, 9)).astype(np.uint8)
    with pytest.raises(Problem, match="Cannot write"):
        write_volume(file, Volume(noise))
    assert everything(tmp_path) == {file: before}
