"""A case's description while it is worked on, kept in step with its files."""

from __future__ import annotations

from pathlib import Path

from napari_densify.cases.place import home_of
from napari_densify.cases.problem import Problem
from napari_densify.cases.project import Label, Learning, Project
from napari_densify.cases.reference import ImageReference, beside
from napari_densify.cases.sizes import VoxelSize


class Description:
    """What `project.json` holds, and for a further case what it shares with its project.

    Classes and settings of learning are the project's, whichever of its cases is open; the image
    is the case's own.

    Parameters
    ----------
    folder : Path
        The case's folder.
    value : Project
    voxels : VoxelSize
        What the project's network works on.
    """

    def __init__(self, folder: Path, value: Project, voxels: VoxelSize) -> None:
        self.folder, self.value, self.voxels = folder, value, voxels

    @classmethod
    def read(cls, folder: Path) -> Description:
        """Read a case's description, with what it shares with its project.

        Raises
        ------
        Problem
            If one of them is none, of another version, or damaged.
        """
        own = Project.read(folder)
        shared = Project.read(home_of(folder))
        return cls(folder, _sharing(own, shared), shared.voxels)

    @classmethod
    def of(cls, folder: Path, image: ImageReference, classes: tuple[Label, ...]) -> Description:
        """The description of a case that is not there yet; a further one takes its project's.

        Raises
        ------
        Problem
            If the image has another number of channels than the project's, or quite other voxels.
        """
        home = home_of(folder)
        own = Project(image=beside(image, home), classes=classes)
        shared = own if home == folder else Project.read(home)
        if image.channels != shared.image.channels:
            raise Problem(
                f"The images of {home.name} have {shared.image.channels} channels and this one has "
                f"{image.channels}; choose one that has as many."
            )
        image.voxels.beside(shared.voxels, folder.stem)
        return cls(folder, _sharing(own, shared), shared.voxels)

    @property
    def home(self) -> Path:
        """The project's folder."""
        return home_of(self.folder)

    def change(
        self, *, classes: tuple[Label, ...] | None = None, learning: Learning | None = None
    ) -> bool:
        """Take over another class table or other settings; whether that changes anything."""
        new = {"classes": classes, "learning": learning}
        update = {name: value for name, value in new.items() if value is not None}
        before, self.value = self.value, self.value.model_copy(update=update)
        return self.value != before

    def place(self, image: ImageReference) -> bool:
        """Note where the image is now; whether that is new."""
        update = {"image": beside(image, self.home)}
        before, self.value = self.value, self.value.model_copy(update=update)
        if self.home == self.folder:
            self.voxels = self.value.voxels  # somebody may have measured the voxels since
        return self.value != before

    def check(self, image: ImageReference) -> None:
        """Refuse another image than the one that was painted on.

        Raises
        ------
        Problem
        """
        mine = self.value.image
        same = mine.content == image.content or not mine.content
        if not same or mine.shape != image.shape:
            raise Problem(
                f"{self.folder} belongs to another image; choose the one it was painted on, or "
                "rename the project to begin a new one."
            )

    def find_image(self) -> Path | None:
        """Where the image is, if it still is there."""
        return self.value.image.find(self.home)

    def image_as_found(self) -> ImageReference:
        """The image with its present path, if it still is there."""
        found = self.find_image()
        update = {} if found is None else {"path": str(found)}
        return self.value.image.model_copy(update=update)

    def write(self) -> None:
        """Write it down.

        Raises
        ------
        Problem
            If it cannot be written.
        """
        try:
            self.value.write(self.folder)
            if self.home != self.folder:
                _sharing(Project.read(self.home), self.value).write(self.home)
        except OSError as error:
            raise Problem(
                f"{self.folder / 'project.json'} could not be saved ({error.strerror}); make room "
                "there, or choose “Save as”."
            ) from error


def _sharing(own: Project, shared: Project) -> Project:
    return own.model_copy(update={"classes": shared.classes, "learning": shared.learning})
