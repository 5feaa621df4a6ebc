"""Many images, one network: which are meant, what goes into the network, where results lie."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_densify.cases.choice import Choice
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.formats import read_any, read_segmentation, write_volume
from napari_densify.cases.problem import Problem
from napari_densify.cases.volume import Volume
from napari_densify.cli import app
from napari_densify.cli.images import find_images, targets_for
from napari_densify.session.batch import Network, segment
from tests.cases.dicom_files import write_series
from tests.cases.test_round_trips import PLACES

from .conftest import Run, table


def test_fifty_images_three_of_them_broken(
    project: Path, phantom: Volume, tmp_path: Path, densify: Run
) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    for number in range(50):
        part = phantom.data[number % 8 :][:16, 4:20, 6:24]
        write_volume(scans / f"scan{number:02}.nii.gz", Volume(part, PLACES["rotated"].spacing))
    whole = (scans / "scan07.nii.gz").read_bytes()
    (scans / "scan07.nii.gz").write_bytes(whole[: len(whole) // 2])
    (scans / "scan20.nii.gz").write_bytes(b"")
    write_volume(scans / "scan41.nii.gz", Volume(np.zeros((9, 9, 9), np.uint8)))
    (scans / "letter.txt").write_text("not an image")
    status, _, said = densify("predict", project, scans, "--out", out, "--csv", tmp_path / "v.csv")
    assert status == 1
    results = sorted(file.name for file in out.iterdir())
    assert len(results) == 47
    assert {"scan07.nii.gz", "scan20.nii.gz", "scan41.nii.gz"}.isdisjoint(results)
    lines = [line for line in said.splitlines() if line.strip()]
    assert lines[-4] == f"47 of 50 images are segmented in {out}."
    assert "scan07.nii.gz: scan07.nii.gz cannot be read as an image; is it damaged?" in lines[-3:]
    assert "scan20.nii.gz: scan20.nii.gz cannot be read as an image; is it damaged?" in lines[-3:]
    assert any("scan41.nii.gz" in line and "same value everywhere" in line for line in lines[-3:])
    rows = table(tmp_path / "v.csv")
    assert len(rows) == 47 * 2
    first = read_any(out / "scan00.nii.gz").data
    assert rows[0] | {"name": ""} == {
        "image": "scan00", "label": "1", "name": "", "unit": "mm³",
        "voxels": str((first == 1).sum()),
        "volume": f"{(first == 1).sum() * 2.25 * 0.75 * 0.5:.6g}",
        "largest piece": rows[0]["largest piece"],
    }  # fmt: skip

    # Stopped and begun again, it goes on where it was, and the table is whole.
    (out / "scan03.nii.gz").unlink()
    kept = (out / "scan00.nii.gz").stat().st_mtime_ns
    (tmp_path / "v.csv").unlink()
    status, _, said = densify("predict", project, scans, "--out", out, "--csv", tmp_path / "v.csv")
    assert (status, "47 of 50 images are segmented" in said) == (1, True)
    assert "46 of them before" in said
    assert (out / "scan00.nii.gz").stat().st_mtime_ns == kept
    assert table(tmp_path / "v.csv") == rows


def test_an_image_without_a_unit_has_none_in_the_table_when_a_batch_goes_on(
    project: Path, phantom: Volume, tmp_path: Path, densify: Run
) -> None:
    (tmp_path / "scans").mkdir()
    np.save(tmp_path / "scans" / "a.npy", phantom.data)
    tables = []
    for _ in range(2):
        densify("predict", project, tmp_path / "scans", "--out", tmp_path / "out",
                "--csv", tmp_path / "v.csv")  # fmt: skip
        tables.append(table(tmp_path / "v.csv"))
    assert tables[0] == tables[1]
    assert tables[0][0]["unit"] == ""


@pytest.mark.parametrize("ending", ["nrrd", "ome.zarr", "mha"])
def test_results_and_probabilities_lie_where_the_image_does(
    project: Path, tmp_path: Path, densify: Run, ending: str
) -> None:
    image = project.with_name("ct.nii.gz")
    done = densify("predict", project, image, "--out", tmp_path / "out", "--format", ending,
                   "--probabilities")  # fmt: skip
    assert done[0] == 0, done
    volume = read_any(image)
    labels = read_segmentation(tmp_path / "out" / f"ct.{ending}")
    chance = read_any(tmp_path / "out" / f"ct_probabilities.{ending}")
    for each in (labels, chance):
        np.testing.assert_allclose(each.affine, volume.affine, atol=1e-4)
    assert chance.data.shape == (3, *volume.shape)
    np.testing.assert_allclose(chance.data.sum(axis=0), 1, atol=1e-3)
    free = read_any(project.with_name("painted.nii.gz")).data == 0
    np.testing.assert_array_equal(chance.data.argmax(axis=0)[free], labels.data[free])


def test_blocks_make_no_difference(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only at their borders, where the network sees less of the other side."""
    volume, network = read_any(project.with_name("ct.nii.gz")), Network.read(project)
    whole = segment(volume, network, "cpu")
    monkeypatch.setattr("napari_densify.session.batch.BLOCK", 16)
    seen: list[float] = []
    blocks = segment(volume, network, "cpu", seen.append)
    assert (whole == blocks).mean() > 0.98
    assert seen == sorted(seen)
    assert (len(seen), seen[-1]) == (8, 1.0)


def test_which_images_are_meant(tmp_path: Path, phantom: Volume) -> None:
    for name in ("b.nii.gz", "a.mha", "c.tif"):
        write_volume(tmp_path / name, Volume(phantom.data[:9, :9, :9]))
    write_volume(tmp_path / "z.ome.zarr", Volume(phantom.data[:9, :9, :9]))
    (tmp_path / ".hidden.mha").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("")
    write_series(tmp_path / "patient", Volume(np.zeros((3, 4, 5), np.int16)))
    names = ["a.mha", "b.nii.gz", "c.tif", "patient", "z.ome.zarr"]
    assert [p.name for p in find_images([tmp_path])] == names
    assert [p.name for p in find_images([tmp_path / "*.nii.gz"])] == ["b.nii.gz"]
    assert find_images([tmp_path / "c.tif", tmp_path])[0].name == "c.tif"
    with pytest.raises(Problem, match="no image"):
        find_images([tmp_path / "*.nrrd"])
    images = find_images([tmp_path])
    targets = targets_for(images, tmp_path / "out", "nii.gz")
    assert [p.name for p in targets.values()] == [
        "a.nii.gz", "b.nii.gz", "c.nii.gz", "patient.nii.gz", "z.nii.gz",
    ]  # fmt: skip
    with pytest.raises(Problem, match="is an image itself"):
        targets_for(images, tmp_path, "nii.gz")
    with pytest.raises(Problem, match="have one name"):
        targets_for([*images, Path("b.nrrd")], tmp_path / "out", "nii.gz")


def test_the_slices_of_a_series_are_one_image(tmp_path: Path, phantom: Volume) -> None:
    patient = tmp_path / "scans" / "patient"
    slices = Volume(np.zeros((5, 4, 6), np.int16))
    first = min(write_series(patient, slices))
    assert find_images([patient / "*.dcm"]) == [first]
    assert find_images(sorted(patient.iterdir())) == [first], "as the shell writes it out"
    assert find_images([tmp_path / "**"]) == [patient]
    assert find_images([max(patient.iterdir())]) == [max(patient.iterdir())]
    assert find_images([patient, patient / "*.dcm"]) == [patient]
    other = min(write_series(patient, slices, prefix="X"))
    (patient / "broken.dcm").write_bytes(b"")
    broken = patient / "broken.dcm"
    assert find_images([patient / "*.dcm"]) == [first, other, broken]
    assert find_images([patient / "X*", patient]) == [other, patient]


@pytest.mark.parametrize("dicom", ["0.dcm", "z.dcm", "IM0001"])
@pytest.mark.parametrize("others", ["a", "abcdefghij"])
def test_a_dicom_file_among_other_images_hides_none_of_them(
    tmp_path: Path, phantom: Volume, dicom: str, others: str
) -> None:
    """Wherever the file system lists it: not only the first entries are looked at."""
    slices = write_series(tmp_path / "scan", Volume(np.zeros((3, 4, 5), np.int16)))
    folder = tmp_path / "mixed"
    names = [*(f"{letter}.nii.gz" for letter in others), "k.ome.zarr"]
    for name in names:
        write_volume(folder / name, Volume(phantom.data[:9, :9, :9]))
    (folder / "notes.txt").write_text("")
    shutil.copy(slices[0], folder / dicom)
    assert [p.name for p in find_images([folder])] == sorted([*names, dicom])
    (tmp_path / "scan" / "seg.nii.gz").touch()
    assert [p.name for p in find_images([tmp_path / "scan"])] == ["IM000.dcm", "seg.nii.gz"]


def test_a_series_is_segmented_once(
    project: Path, phantom: Volume, tmp_path: Path, densify: Run
) -> None:
    values = (phantom.data * 100).astype(np.int16)
    first = min(write_series(tmp_path / "scan", replace(PLACES["rotated"], data=values)))
    status, _, said = densify("predict", project, tmp_path / "scan" / "*.dcm",
                              "--out", tmp_path / "out")  # fmt: skip
    assert (status, "1 of 1 images are segmented" in said) == (0, True)
    assert [file.name for file in (tmp_path / "out").iterdir()] == [f"{first.stem}.nii.gz"]
    other = max((tmp_path / "scan").iterdir())
    for image in (tmp_path / "scan", first, tmp_path / "scan" / "*.dcm"):
        with pytest.raises(Problem, match="is an image itself"):
            densify("predict", project, image, "--out", other)


def three_scans(project: Path, folder: Path) -> Path:
    folder.mkdir()
    for name in "abc":
        shutil.copy(project.with_name("ct.nii.gz"), folder / f"{name}.nii.gz")
    return folder


@pytest.mark.parametrize("error", [ValueError("math domain"), ZeroDivisionError("by zero")])
def test_whatever_an_image_ends_with_the_others_go_on(
    project: Path, tmp_path: Path, densify: Run, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    ends = iter([None, error, None])

    def work(volume: Volume, *_: object) -> NDArray[np.uint8]:
        if end := next(ends):
            raise end
        return np.ones(volume.shape, np.uint8)

    monkeypatch.setattr("napari_densify.cli.predict.segment", work)
    scans = three_scans(project, tmp_path / "scans")
    status, _, said = densify("predict", project, scans, "--out", tmp_path / "out")
    assert (status, "2 of 3 images are segmented" in said) == (1, True)
    assert f"b.nii.gz: It cannot be segmented ({type(error).__name__}: {error})." in said


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="room cannot be taken here")
def test_a_disk_without_room_for_probabilities_is_found_out_before_they_are_written(
    project: Path, tmp_path: Path, densify: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is found out while they are, the process ends."""
    out, taken = tmp_path / "out", []
    take = os.posix_fallocate

    def note(file: int, start: int, size: int) -> None:
        taken.append(size)
        assert os.fstat(file).st_dev == out.stat().st_dev
        if len(taken) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        take(file, start, size)

    monkeypatch.setattr(os, "posix_fallocate", note)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    scans = three_scans(project, tmp_path / "scans")
    status, _, said = densify("predict", project, scans, "--out", out, "--probabilities")
    assert (status, "2 of 3 images are segmented" in said) == (1, True), said
    assert "b.nii.gz: There is no room" in said
    assert taken == [3 * read_any(scans / "a.nii.gz").data.size * 4] * 3
    assert sorted(file.name for file in out.iterdir()) == [
        f"{name}{what}.nii.gz" for name in "ac" for what in ("", "_probabilities")
    ]


@pytest.mark.parametrize("choice", [Choice("zyxc", (1,)), Choice("tczyx", (1,), 1)])
def test_images_with_more_axes_go_into_networks_that_have_learned_from_such(
    project: Path,
    phantom: Volume,
    tmp_path: Path,
    densify: Run,
    monkeypatch: pytest.MonkeyPatch,
    choice: Choice,
) -> None:
    grey = (phantom.data * 40 + 60).clip(0, 255).astype(np.uint8)
    other = np.zeros_like(grey)
    many = {
        "zyxc": np.stack([other, grey, other], axis=-1),
        "tczyx": np.stack([[other, other], [other, grey]]),
    }
    scans = tmp_path / "scans"
    scans.mkdir()
    np.save(scans / "many.npy", many[choice.axes])
    np.save(scans / "one.npy", grey)
    network = replace(Network.read(project), choice=choice)
    monkeypatch.setattr(Network, "read", lambda _: network)
    for _ in range(2):  # and when the batch goes on
        done = densify("predict", project, scans, "--out", tmp_path / "out", "--csv",
                       tmp_path / "v.csv")  # fmt: skip
        assert done[0] == 0, done
        rows = table(tmp_path / "v.csv")
        assert [row["voxels"] for row in rows[:2]] == [row["voxels"] for row in rows[2:]]
    results = [read_any(tmp_path / "out" / f"{name}.nii.gz").data for name in ("many", "one")]
    np.testing.assert_array_equal(*results)
    assert results[0].shape == grey.shape


# export


def test_an_image_that_takes_more_memory_than_there_is_ends_in_a_sentence(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def starve(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("napari_densify.cli.predict.segment", starve)
    image, out = project.with_name("ct.nii.gz"), tmp_path / "out.nii.gz"
    with pytest.raises(Problem, match="not enough memory"):
        app(["predict", str(project), str(image), "--out", str(out)], standalone_mode=False)


def test_one_channel_that_has_an_axis_of_its_own_is_a_volume(
    tmp_path: Path, phantom: Volume, truth: NDArray[np.uint8], densify: Run
) -> None:
    np.save(tmp_path / "one.npy", phantom.data[None])
    painted = np.zeros(truth.shape, np.uint8)
    painted[9] = truth[9] + 1
    np.save(tmp_path / "painted.npy", painted)
    home = tmp_path / "one.densify"
    files = (tmp_path / "one.npy", tmp_path / "painted.npy")
    assert densify("train", *files, "--out", home, "--seconds", 0.2)[0] == 0
    assert densify("export", home, "--out", tmp_path / "x.npy")[0] == 0
    assert np.load(tmp_path / "x.npy").shape == truth.shape


def test_the_frame_that_was_learned_from_goes_in(project: Path) -> None:
    network = replace(Network.read(project), choice=Choice("tzyx", (), 1))
    series = Volume(np.arange(3 * 4 * 5 * 6).reshape(3, 4, 5, 6))
    np.testing.assert_array_equal(network.part(series).data, series.data[1])


def test_volumes_of_a_batch_that_goes_on_are_those_of_its_images(
    project: Path, tmp_path: Path, densify: Run
) -> None:
    image = project.with_name("ct.nii.gz")
    shutil.copy(image, tmp_path / "a.nii.gz")
    tables = []
    for _ in range(2):
        batch = ("predict", project, tmp_path / "*.nii.gz", "--out", tmp_path / "out")
        assert densify(*batch, "--format", "npy", "--csv", tmp_path / "v.csv")[0] == 0
        tables.append((tmp_path / "v.csv").read_text())
    assert tables[0] == tables[1]


def test_a_class_that_was_merged_stays_merged(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "ct.densify")
    folder = ProjectFolder(tmp_path / "ct.densify")
    kept = tuple(row for row in folder.description.classes if row.label != 3)
    learning = folder.description.learning.model_copy(update={"folded": {3: 2}})
    folder.describe(classes=kept, learning=learning)
    folder.close()
    network = Network.read(tmp_path / "ct.densify")
    volume = read_any(project.with_name("ct.nii.gz"))
    probabilities = np.zeros((2, *volume.shape), np.float32)
    before = segment(volume, replace(network, became={}), "cpu")
    labels = segment(volume, network, "cpu", probabilities=probabilities)
    assert (before == 3).any()
    assert set(np.unique(labels)) == {1, 2}
    assert (labels[before > 1] == 2).all()
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-3)


def test_the_chosen_channels_of_an_image_go_in(project: Path) -> None:
    network = replace(Network.read(project), choice=Choice("czyx", (2, 0)))
    image = Volume(np.arange(3 * 8**3).reshape(3, 8, 8, 8))
    np.testing.assert_array_equal(network.part(image).data, image.data[[2, 0]])
    fitting = image.like(image.data[:2])
    assert network.part(fitting) is fitting
