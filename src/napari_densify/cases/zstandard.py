"""How much a compressed chunk says it holds, found without unpacking any of it."""

from __future__ import annotations

_MAGIC = b"\x28\xb5\x2f\xfd"
_RLE = 1
"""A block that is one byte, so many times."""


def content_size(data: bytes) -> int:
    """Bytes that a Zstandard frame (RFC 8878) says it unpacks to.

    A few kB can be made to unpack to any amount, so this is to be looked at first.

    Parameters
    ----------
    data : bytes
        One whole frame and nothing else.

    Raises
    ------
    ValueError
        If it is something else, or does not say.
    """
    if data[:4] != _MAGIC or len(data) < 6:
        raise ValueError("no Zstandard frame")
    about = data[4]
    single, checked = about >> 5 & 1, about >> 2 & 1
    at = 5 + (1 - single) + (0, 1, 2, 4)[about & 3]
    width = (single, 2, 4, 8)[about >> 6]
    if not width:
        raise ValueError("the frame does not say how much it holds")
    size = int.from_bytes(data[at : at + width], "little") + 256 * (width == 2)
    at += width
    last = False
    while not last:
        if at + 3 > len(data):
            raise ValueError("the frame is cut short")
        block = int.from_bytes(data[at : at + 3], "little")
        last, kind, length = bool(block & 1), block >> 1 & 3, block >> 3
        at += 3 + (1 if kind == _RLE else length)
    if at + 4 * checked != len(data):
        raise ValueError("the frame is not all there is")
    return size
