"""The last models of a project: safetensors files that are known by their own checksum."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, deserialize

from napari_densify.cases import disk

KEPT = 3
LARGEST = 1 << 30
"""Bytes of a model that are read at most."""
_NAME = re.compile(r"(\d{4,12})-([0-9a-f]{16})\.safetensors")


@dataclass(frozen=True)
class ModelRing:
    """The newest models in a folder, each whole or not there.

    A file's name is its number and the first 16 digits of its SHA-256, so a changed file is
    noticed; and nothing but safetensors is read, so none can do anything when it is.

    Parameters
    ----------
    folder : Path
        Made at the first `save`.
    """

    folder: Path

    def save(self, model: bytes) -> None:
        """Add a model and let the oldest go.

        Raises
        ------
        OSError
            If it cannot be written; the others are there then.
        """
        disk.make_folder(self.folder)
        files = self.files()
        number = 1 + max((number for number, _, _ in files), default=0)
        disk.replace(self.folder / f"{number:04d}-{_digest(model)}.safetensors", model)
        for _, _, file in files[: max(len(files) + 1 - KEPT, 0)]:
            file.unlink(missing_ok=True)

    def newest(self) -> tuple[bytes | None, int]:
        """The newest model that is unharmed, and how many newer ones are not."""
        files = self.files()
        for harmed, (_, digest, file) in enumerate(reversed(files)):
            model = _read(file, digest)
            if model is not None:
                return model, harmed
        return None, len(files)

    def clear(self) -> None:
        """Throw all models away."""
        for _, _, file in self.files():
            file.unlink(missing_ok=True)

    def files(self) -> list[tuple[int, str, Path]]:
        """Number, checksum and place of each model, the newest last."""
        if not self.folder.is_dir():
            return []
        named = ((_NAME.fullmatch(file.name), file) for file in self.folder.iterdir())
        return sorted((int(m[1]), m[2], file) for m, file in named if m)


def _read(file: Path, digest: str) -> bytes | None:
    if file.stat().st_size > LARGEST:
        return None
    model = file.read_bytes()
    if _digest(model) != digest:
        return None
    try:
        deserialize(model)  # type: ignore[no-untyped-call]  # sizes and shapes of all tensors against the file's length
    except (SafetensorError, ValueError):
        return None
    return model


def _digest(model: bytes) -> str:
    return hashlib.sha256(model).hexdigest()[:16]
