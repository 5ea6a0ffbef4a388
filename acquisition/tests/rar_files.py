"""Tiny rar archives (version 5) for tests, stored and not compressed: no program that writes them is free.

The layout is that of the published description of the format: a signature, then blocks of a CRC32, a size, a type,
flags and fields, numbers as little-endian base-128.
"""

import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

SIGNATURE = b"Rar!\x1a\x07\x01\x00"
MAIN, FILE, END = 1, 2, 5
EXTRA, DATA, SPLIT_BEFORE, SPLIT_AFTER = 0x1, 0x2, 0x8, 0x10
ENCRYPTED, REDIRECTED = 1, 5
STORED, NORMAL = 0, 3


def _number(value: int) -> bytes:
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def _block(kind: int, flags: int, fields: bytes, extra: bytes = b"", data: bytes | None = None) -> bytes:
    sizes = (_number(len(extra)) if extra else b"") + (_number(len(data)) if data is not None else b"")
    flags |= (EXTRA if extra else 0) | (DATA if data is not None else 0)
    body = _number(kind) + _number(flags) + sizes + fields + extra
    head = _number(len(body)) + body
    return struct.pack("<L", zlib.crc32(head)) + head + (data or b"")


def _file(
    name: str, data: bytes, *, whole: bytes, flags: int = 0, size: int | None = None, method: int = STORED,
    extra: bytes = b"",
) -> bytes:  # fmt: skip
    encoded = name.encode("utf-8", "surrogatepass")
    fields = (
        _number(0x4) + _number(len(whole) if size is None else size) + _number(0o100644)
        + struct.pack("<L", zlib.crc32(whole)) + _number(method << 7) + _number(1) + _number(len(encoded)) + encoded
    )  # fmt: skip
    return _block(FILE, flags, fields, extra, data)


def _record(kind: int, content: bytes) -> bytes:
    return _number(len(_number(kind) + content)) + _number(kind) + content


LOCKED = _record(ENCRYPTED, _number(0) + _number(0) + bytes([15]) + bytes(32))
LINK = _record(REDIRECTED, _number(1) + _number(0) + _number(11) + b"/etc/passwd")


def make_rar(
    path: Path, entries: Mapping[str, bytes], *, extra: bytes = b"", method: int = STORED, size: int | None = None
) -> Path:
    """One volume. `extra`: LOCKED or LINK for every entry; `size`: what each says of its size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files = [_file(name, body, whole=body, size=size, method=method, extra=extra) for name, body in entries.items()]
    path.write_bytes(SIGNATURE + _block(MAIN, 0, _number(0)) + b"".join(files) + _block(END, 0, _number(0)))
    return path


def make_volumes(paths: Sequence[Path], name: str, body: bytes) -> None:
    """One entry spread over several volumes."""
    step = -(-len(body) // len(paths))
    for number, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        is_last = number == len(paths) - 1
        flags = (SPLIT_BEFORE if number else 0) | (0 if is_last else SPLIT_AFTER)
        part = body[number * step : (number + 1) * step]
        main = _block(MAIN, 0, _number(0x1 if number == 0 else 0x3) + (_number(number) if number else b""))
        whole = body if is_last else part  # the CRC of a part that is not the last is that of the part
        file = _file(name, part, whole=whole, flags=flags, size=len(body))
        path.write_bytes(SIGNATURE + main + file + _block(END, 0, _number(0 if is_last else 1)))
