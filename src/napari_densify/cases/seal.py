"""JSON that notices when a bit of it has changed."""

from __future__ import annotations

import json
import zlib
from typing import TypeVar

from pydantic import BaseModel, ValidationError

Content = TypeVar("Content", bound=BaseModel)

_CHECK = "check"


def seal(content: BaseModel, indent: int | None = None) -> str:
    """A model as JSON, with the CRC-32 of the rest as the field ``check``.

    The checksum is of the JSON text with sorted keys and no spaces, so the order and the white
    space of the file do not matter.
    """
    fields = content.model_dump(mode="json")
    return json.dumps({**fields, _CHECK: _checksum(fields)}, indent=indent, ensure_ascii=False)


def unseal(text: bytes | str, kind: type[Content]) -> Content:
    """Read what `seal` wrote; without the field ``check``, as if somebody wrote it by hand.

    Raises
    ------
    ValueError
        If it is no JSON, does not fit the model, or was changed.
    """
    try:
        fields = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(fields, dict):
        raise ValueError("no JSON object")
    check = fields.pop(_CHECK, None)
    if check is not None and check != _checksum(fields):
        raise ValueError("the checksum does not fit")
    try:
        return kind.model_validate_json(json.dumps(fields))
    except ValidationError as error:
        raise ValueError(str(error)) from error


def _checksum(fields: dict[str, object]) -> int:
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return zlib.crc32(text.encode())
