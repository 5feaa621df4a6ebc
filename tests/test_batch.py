"""Many images, one after the other; what came of them, in files that others read."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from napari_densify.cases.choice import Choice
from napari_densify.cases.folder import ProjectFolder
from napari_densify.cases.formats import read_any, read_segmentation, write_volume
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import describe
from napari_densify.cases.volume import Volume, content_hash
from napari_densify.cli import app
from napari_densify.cli.case import find_image
from napari_densify.cli.images import find_images, targets_for
from napari_densify.learn import trainer
from napari_densify.session.batch import Network, segment
from napari_densify.session.provenance import NETWORK, PAINTED

from .cases.dicom_files import write_series
from .cases.test_round_trips import PLACES

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def project(
    tmp_path_factory: pytest.TempPathFactory, phantom: Volume, truth: NDArray[np.uint8]
) -> Path:
    """A project whose network has learned the phantom, an oblique image, for a second or two."""
    folder = tmp_path_factory.mktemp("project")
    painted = np.zeros(truth.shape, np.uint8)
    for index in (np.s_[9], np.s_[:, 19], np.s_[:, :, 16]):
        painted[index] = truth[index] + 1
    image = replace(PLACES["rotated"], data=phantom.data, unit="millimeter")
    write_volume(folder / "ct.nii.gz", image)
    write_volume(folder / "painted.nii.gz", image.like(painted))
    run = ["train", folder / "ct.nii.gz", folder / "painted.nii.gz", "--seconds", 2]
    app([*map(str, run), "--out", str(folder / "ct.densify")], standalone_mode=False)
    return folder / "ct.densify"


@pytest.fixture
def densify(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process: exit status, stdout, stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        status = app([*map(str, arguments)], standalone_mode=False)
        out, err = capsys.readouterr()
        return status or 0, out, err

    return run


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_training_ends_once_it_has_learned_what_is_painted(
    project: Path, tmp_path: Path, densify: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "RESTS", 0.05)
    image, painted = project.parent / "ct.nii.gz", project.parent / "painted.nii.gz"
    out = tmp_path / "other.densify"
    status, _, err = densify("train", image, painted, "--out", out, "--seconds", 1_000_000)
    assert status == 0, err
    assert out.is_dir()


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


def test_a_dicom_series_becomes_a_dicom_seg(
    project: Path, phantom: Volume, tmp_path: Path, densify: Run
) -> None:
    values = (phantom.data * 100).astype(np.int16)
    write_series(tmp_path / "scans" / "patient", replace(PLACES["rotated"], data=values))
    done = densify("predict", project, tmp_path / "scans", "--out", tmp_path, "--format", "dcm")
    assert done[0] == 0, done
    seg = sitk.ReadImage(str(tmp_path / "patient.dcm"))
    assert seg.GetSize()[:2] == values.shape[:0:-1]


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


# export


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".seg.nrrd", ".mha", ".tif", ".ome.zarr"])
def test_an_export_lies_where_the_image_does(
    project: Path, tmp_path: Path, densify: Run, ending: str
) -> None:
    done = densify("export", project, "--out", tmp_path / f"x{ending}", "--provenance")
    assert done[0] == 0, done
    image = read_any(project.with_name("ct.nii.gz"))
    labels = read_segmentation(tmp_path / f"x{ending}")
    second = ".nii.gz" if ending == ".seg.nrrd" else ending
    marks = read_segmentation(tmp_path / f"x_provenance{second}")
    for each in (labels, marks):
        np.testing.assert_allclose(each.affine, image.affine, atol=1e-4)
    painted = read_any(project.with_name("painted.nii.gz")).data
    np.testing.assert_array_equal(labels.data[painted > 0], painted[painted > 0] - 1)
    np.testing.assert_array_equal(marks.data == PAINTED, painted > 0)
    assert set(np.unique(marks.data[painted == 0])) == {0, NETWORK}, "the rest is predicted"


def test_surfaces_and_volumes_are_those_of_the_voxels(
    project: Path, tmp_path: Path, densify: Run
) -> None:
    for name in ("x.stl", "x.ply", "x.csv", "x.nii.gz"):
        assert densify("export", project, "--out", tmp_path / name)[0] == 0
    image = nibabel.load(tmp_path / "x.nii.gz")
    voxels = np.asanyarray(image.dataobj)
    size = abs(np.linalg.det(image.affine[:3, :3]))
    for label, row in zip((1, 2), table(tmp_path / "x.csv"), strict=True):
        inside = voxels == label
        assert int(row["voxels"]) == inside.sum()
        assert float(row["volume"]) == pytest.approx(inside.sum() * size, rel=1e-4)
        triangles = stl(tmp_path / f"x-structure-{label}.stl")
        assert triangle_volume(triangles) == pytest.approx(inside.sum() * size, rel=0.15)
        # Left and posterior count up in DICOM's world, right and anterior in NIfTI's.
        centre = nibabel.affines.apply_affine(image.affine, np.argwhere(inside).mean(axis=0))
        middle = triangles.reshape(-1, 3).mean(axis=0)
        np.testing.assert_allclose(middle, centre * (-1, -1, 1), atol=1.0)
        assert (tmp_path / f"x-structure-{label}.ply").read_bytes().startswith(b"ply")


def stl(path: Path) -> NDArray[np.float32]:
    """(n, 3, 3) corners of a binary STL's triangles."""
    content = path.read_bytes()
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("about", "<u2")])
    triangles = np.frombuffer(content[84:], record)
    assert len(triangles) == int.from_bytes(content[80:84], "little")
    return np.asarray(triangles["corners"])


def triangle_volume(corners: NDArray[np.float32]) -> float:
    """Of a closed surface with its normals to the outside (divergence theorem)."""
    a, b, c = corners.astype(float).transpose(1, 0, 2)
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def test_a_further_case_of_a_project(
    project: Path, phantom: Volume, tmp_path: Path, densify: Run
) -> None:
    shutil.copytree(project.parent, tmp_path / "p")
    home = tmp_path / "p" / "ct.densify"
    image = replace(PLACES["flipped"], data=phantom.data[::-1].copy(), unit="millimeter")
    painted = read_any(home.with_name("painted.nii.gz")).data[::-1].copy()
    write_volume(tmp_path / "p" / "next.nii.gz", image)
    write_volume(tmp_path / "p" / "next_painted.nii.gz", image.like(painted))
    files = [tmp_path / "p" / name for name in ("next.nii.gz", "next_painted.nii.gz")]
    assert densify("add", home, *files, "--seconds", 0.5)[0] == 0
    assert densify("export", home, "--case", "next", "--out", tmp_path / "x.nrrd")[0] == 0
    labels = read_segmentation(tmp_path / "x.nrrd")
    np.testing.assert_allclose(labels.affine, image.affine, atol=1e-4)
    np.testing.assert_array_equal(labels.data[painted > 0], painted[painted > 0] - 1)


def test_what_cannot_be_exported_is_said(project: Path, tmp_path: Path, densify: Run) -> None:
    for arguments, word in (
        (("--out", tmp_path / "x.doc"), "no ending that can be written"),
        (("--out", tmp_path / "x.dcm"), "refers to DICOM images"),
        (("--out", tmp_path / "x.mha", "--case", "other"), "no case “other”; choose one of ct"),
        (("--out", tmp_path / "x.mha", "--image", project.with_name("painted.nii.gz")),
         "belongs to another image"),
    ):  # fmt: skip
        with pytest.raises(Problem, match=word):
            densify("export", project, *arguments)
    assert list(tmp_path.iterdir()) == []


# evaluate


def boxes(shift: int = 0, grow: int = 0) -> NDArray[np.uint8]:
    labels = np.zeros((20, 24, 28), np.uint8)
    labels[4:10, 5 + shift : 15 + shift, 6:16] = 1
    labels[12:18, 5:15, 6 : 16 + grow] = 2
    return labels


def test_scores_that_can_be_told_by_hand(tmp_path: Path, densify: Run) -> None:
    place = replace(PLACES["rotated"], spacing=(2.0, 1.0, 0.5))
    for folder, labels in (("mine", boxes(shift=2, grow=3)), ("true", boxes())):
        kind = {"mine": "x_seg.nrrd", "true": "x_truth.nii.gz"}[folder]
        write_volume(tmp_path / folder / kind, replace(place, data=labels))
    scores = tmp_path / "scores.csv"
    mine, true = tmp_path / "mine", tmp_path / "true"
    status, shown, _ = densify("evaluate", mine, true, "--csv", scores, "--tolerance", 0.6)
    assert status == 0
    assert "0.8000" in shown
    first, second = table(scores)
    # Eight of ten rows overlap; the surfaces are two rows of 1 apart.
    assert (first["dice"], first["hausdorff 95"]) == ("0.8000", "2.0000")
    assert (first["voxels"], first["true voxels"]) == ("600", "600")
    assert float(first["volume difference"]) == 0
    # 13 columns instead of 10, of 0.5 each.
    assert float(second["dice"]) == pytest.approx(20 / 23, abs=1e-4)
    assert second["hausdorff 95"] == "1.5000"
    assert float(second["volume difference"]) == pytest.approx(0.3)
    assert 0 < float(first["surface dice"]) < 1
    densify("evaluate", mine, true, "--csv", scores, "--tolerance", 3)
    assert [row["surface dice"] for row in table(scores)] == ["1.0000", "1.0000"]


def test_folders_are_matched_by_name(tmp_path: Path, densify: Run) -> None:
    for number in (1, 2, 3):
        write_volume(tmp_path / "mine" / f"case_{number}_image.mha", Volume(boxes()))
    write_volume(tmp_path / "true" / "case_1_truth.mha", Volume(boxes()))
    write_volume(tmp_path / "true" / "case_2_truth.mha", Volume(boxes()[:12]))
    empty = np.where(boxes() == 1, 1, 0).astype(np.uint8)
    write_volume(tmp_path / "true" / "case_3_truth.mha", Volume(empty))
    status, shown, said = densify("evaluate", tmp_path / "mine", tmp_path / "true",
                                  "--csv", tmp_path / "s.csv")  # fmt: skip
    assert status == 1
    assert "case_2_image.mha: case_2_image.mha is 20 × 24 × 28 voxels but its truth is" in said
    rows = {(r["file"], r["label"]): r for r in table(tmp_path / "s.csv")}
    assert rows["case_1_image", "2"]["dice"] == "1.0000"
    absent = rows["case_3_image", "2"]
    assert (absent["dice"], absent["hausdorff 95"], absent["volume difference"]) == (
        "0.0000", "", "",
    )  # fmt: skip
    assert "mean" in shown
    (tmp_path / "true" / "case_1_truth.mha").unlink()
    status, _, said = densify("evaluate", tmp_path / "mine", tmp_path / "true")
    assert (status, "case_1_image.mha: There is no truth of that name." in said) == (1, True)


def test_what_lies_elsewhere_is_not_compared(tmp_path: Path, densify: Run) -> None:
    write_volume(tmp_path / "x.nrrd", Volume(boxes()))
    write_volume(tmp_path / "y.nrrd", replace(PLACES["flipped"], data=boxes()))
    with pytest.raises(Problem, match=r"lie .* apart"):
        densify("evaluate", tmp_path / "x.nrrd", tmp_path / "y.nrrd")
    with pytest.raises(Problem, match="There is no file"):
        densify("evaluate", tmp_path / "x.nrrd", tmp_path / "gone.nrrd")


def test_channels_that_are_images_of_their_own_are_found_on_the_disk(
    tmp_path: Path, phantom: Volume
) -> None:
    parts = [phantom.data, phantom.data + 1]
    stack = []
    for name, data in zip("ab", parts, strict=True):
        write_volume(tmp_path / f"{name}.nii.gz", Volume(data))
        stack.append((tmp_path / f"{name}.nii.gz", content_hash(Volume(data))))
    both = Volume(np.stack(parts))
    about = describe(both, tmp_path / "a.nii.gz", content_hash(both), stack)
    found = find_image(tmp_path, about)
    assert found is not None
    np.testing.assert_array_equal(found[0].channels, both.channels)
    assert found[1] == tmp_path / "a.nii.gz"
    write_volume(tmp_path / "b.nii.gz", Volume(parts[0]))
    assert find_image(tmp_path, about) is None, "it is another image now"


def test_a_further_case_learns_from_a_dicom_series_too(
    tmp_path: Path, phantom: Volume, truth: NDArray[np.uint8], densify: Run
) -> None:
    series = replace(PLACES["rotated"], data=(phantom.data * 100).astype(np.int16))
    write_series(tmp_path / "scan", series)
    volume = read_any(tmp_path / "scan")
    painted = np.zeros(volume.shape, np.uint8)
    painted[9] = truth[9] + 1
    write_volume(tmp_path / "painted.nii.gz", volume.like(painted))
    write_volume(tmp_path / "next.nii.gz", volume.like(volume.data + 5))
    home = tmp_path / "x.densify"
    first = (tmp_path / "scan", tmp_path / "painted.nii.gz", "--out", home, "--seconds", 0.2)
    assert densify("train", *first)[0] == 0
    further = (home, tmp_path / "next.nii.gz", tmp_path / "painted.nii.gz", "--seconds", 0.2)
    status, _, said = densify("add", *further)
    assert status == 0
    assert "not where it was" not in said


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


def test_an_image_is_never_written_over(project: Path, tmp_path: Path) -> None:
    shutil.copy(project.with_name("ct.nii.gz"), tmp_path / "a.nii.gz")
    shutil.copytree(project, tmp_path / "ct.densify")
    shutil.copy(project.with_name("ct.nii.gz"), tmp_path / "ct.nii.gz")
    before = (tmp_path / "ct.nii.gz").read_bytes()
    home, image, same = tmp_path / "ct.densify", tmp_path / "a.nii.gz", tmp_path / "ct.nii.gz"
    for command in (
        ["export", home, "--out", same],
        ["export", home, "--out", home / ".." / "ct.nii.gz"],
        ["predict", home, image, "--out", tmp_path / "ct.densify" / ".." / "a.nii.gz"],
        ["predict", home, image, "--out", home / ".."],
    ):
        with pytest.raises(Problem, match="is an image itself"):
            app([*map(str, command)], standalone_mode=False)
    assert same.read_bytes() == image.read_bytes() == before


def test_merged_classes_stay_merged_in_an_export(
    project: Path, tmp_path: Path, densify: Run
) -> None:
    shutil.copytree(project, tmp_path / "ct.densify")
    shutil.copy(project.with_name("ct.nii.gz"), tmp_path / "ct.nii.gz")
    folder = ProjectFolder(tmp_path / "ct.densify")
    rows = tuple(row for row in folder.description.classes if row.label != 3)
    learning = folder.description.learning.model_copy(update={"folded": {3: 2}})
    folder.describe(classes=rows, learning=learning)
    folder.close()
    assert densify("export", tmp_path / "ct.densify", "--out", tmp_path / "x.nii.gz")[0] == 0
    assert set(np.unique(read_any(tmp_path / "x.nii.gz").data)) == {0, 1}


def test_labels_that_lie_elsewhere_are_not_learned_from(project: Path, tmp_path: Path) -> None:
    image, painted = project.with_name("ct.nii.gz"), read_any(project.with_name("painted.nii.gz"))
    write_volume(tmp_path / "painted.nii.gz", replace(painted, origin=(500.0, 0.0, 0.0)))
    run = ["train", image, tmp_path / "painted.nii.gz", "--out", tmp_path / "x.densify"]
    with pytest.raises(Problem, match="lies elsewhere"):
        app([*map(str, run)], standalone_mode=False)


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


def test_surfaces_that_are_there_are_not_made_again(
    project: Path, tmp_path: Path, densify: Run
) -> None:
    image = project.with_name("ct.nii.gz")
    shutil.copy(image, tmp_path / "a.nii.gz")
    batch = ("predict", project, tmp_path / "*.nii.gz", "--out", tmp_path / "out", "--format")
    assert "1 of 1 images are segmented" in densify(*batch, "stl")[2]
    written = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").iterdir()}
    assert {file.name for file in written} == {"a-structure-1.stl", "a-structure-2.stl"}
    assert "1 of them before" in densify(*batch, "stl")[2]
    assert written == {file: file.stat().st_mtime_ns for file in (tmp_path / "out").iterdir()}


def test_the_chosen_channels_of_an_image_go_in(project: Path) -> None:
    network = replace(Network.read(project), choice=Choice("czyx", (2, 0)))
    image = Volume(np.arange(3 * 8**3).reshape(3, 8, 8, 8))
    np.testing.assert_array_equal(network.part(image).data, image.data[[2, 0]])
    fitting = image.like(image.data[:2])
    assert network.part(fitting) is fitting
