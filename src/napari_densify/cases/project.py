"""A project on disk: a folder with the annotation, the model and what they belong to."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Literal, Self

import numpy as np
import zarr
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from napari_densify.cases.annotation import MARK, Annotation, Edit
from napari_densify.cases.problem import Problem
from napari_densify.cases.volume import Volume

SUFFIX = ".densify"
CHUNK = 64


class ImageReference(BaseModel):
    """Which image a project belongs to."""

    path: str
    shape: tuple[int, int, int]
    channels: int = 1
    spacing: tuple[float, float, float]
    content: str = ""


class Label(BaseModel):
    """A row of the class table."""

    label: int = Field(ge=1, le=254)
    name: str
    colour: str = ""


class Project(BaseModel):
    """What `project.json` holds; the arrays lie beside it.

    ``NAME.densify/`` holds ``project.json``, ``annotation.zarr`` (labels, rounds, wrong),
    ``journal`` (edits since then, see `cases.journal`), ``prediction.zarr`` and
    ``model/latest.safetensors``; each but the first may be absent.
    """

    schema_version: Literal[1] = 1
    image: ImageReference
    classes: list[Label]
    round: int = 0
    steps: int = 0
    widths: tuple[int, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a project's description.

        Raises
        ------
        Problem
            If the folder is no project or its description is damaged.
        """
        file = folder / "project.json"
        if not file.is_file():
            raise Problem(f"{folder} is not a Densify project; choose a NAME{SUFFIX} folder.")
        try:
            return cls.model_validate_json(file.read_bytes())
        except (ValidationError, OSError) as error:
            raise Problem(
                f"{file} is damaged or of a newer version; it was left as it is."
            ) from error

    def write(
        self,
        folder: Path,
        annotation: Annotation,
        prediction: NDArray[np.uint8],
        model: bytes | None,
    ) -> None:
        """Write a project whole; an older one of that name is replaced at the very end.

        Raises
        ------
        Problem
            If the folder cannot be written, or holds something that is no project.
        """
        check_target(folder)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
            try:
                self._fill(partial, annotation, prediction, model)
                if folder.exists():
                    shutil.rmtree(folder)
                partial.rename(folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        except OSError as error:
            raise Problem(f"Cannot write {folder}; choose a folder that can be written.") from error

    def _fill(
        self,
        folder: Path,
        annotation: Annotation,
        prediction: NDArray[np.uint8],
        model: bytes | None,
    ) -> None:
        group = zarr.open_group(folder / "annotation.zarr", mode="w")
        for field in MARK.names or ():
            _save(group, f"{field}s" if field != "wrong" else field, annotation.marks[field])
        _save(zarr.open_group(folder / "prediction.zarr", mode="w"), "labels", prediction)
        if model:
            (folder / "model").mkdir()
            (folder / "model" / "latest.safetensors").write_bytes(model)
        (folder / "project.json").write_text(self.model_dump_json(indent=2))


def read_annotation(folder: Path, project: Project) -> Edit:
    """The stored annotation as one edit of an empty one.

    Raises
    ------
    Problem
        If the stored arrays are damaged.
    """
    annotation = Annotation(project.image.shape)
    try:
        group = zarr.open_group(folder / "annotation.zarr", mode="r")
        for name, field in (("labels", "label"), ("rounds", "round"), ("wrong", "wrong")):
            annotation.marks[field] = group[name][:]  # type: ignore[index]
    except (KeyError, OSError, ValueError) as error:
        raise Problem(f"The annotation in {folder} is damaged; it was left as it is.") from error
    annotation.round = project.round
    return annotation.everything()


def read_model(folder: Path) -> bytes:
    """The stored model's safetensors bytes.

    Raises
    ------
    Problem
        If the project holds none.
    """
    file = folder / "model" / "latest.safetensors"
    if not file.is_file():
        raise Problem(f"{folder} holds no trained model; train it first.")
    return file.read_bytes()


def check_target(folder: Path) -> None:
    """Refuse early to write a project where that cannot work or would destroy something else.

    Leaves nothing behind, not even the folders above it.

    Raises
    ------
    Problem
    """
    if folder.exists() and not (folder / "project.json").is_file():
        raise Problem(f"{folder} exists and is not a Densify project; choose another name.")
    if (folder / "journal").exists():
        raise Problem(f"{folder} holds what was painted in a window; choose another name.")
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError as error:
        raise Problem(f"Cannot write in {folder.parent}; choose another folder.") from error


def describe(volume: Volume, path: Path | None, content: str = "") -> ImageReference:
    """The reference a project keeps of its image."""
    return ImageReference(
        path=str(path.resolve()) if path else "",
        content=content,
        shape=volume.shape,
        channels=volume.channels.shape[0],
        spacing=volume.spacing,
    )


def _save(group: zarr.Group, name: str, values: NDArray[np.generic]) -> None:
    values = np.ascontiguousarray(values)
    array = group.create_array(
        name, shape=values.shape, dtype=values.dtype, chunks=(CHUNK,) * 3, fill_value=0
    )
    array[:] = values
