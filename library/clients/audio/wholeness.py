"""Whether a file is cut short, judged from its container alone, without decoding.

A header that promises an hour proves nothing about the bytes behind it: MP4 with its index in front, MP3 with a Xing
header, FLAC and WAV all report their full duration when half of them is missing.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_TOLERANCE = 0.95
_OGG_TAIL_BYTES = 70_000  # a page is at most 65,307 bytes
_BOXES = frozenset(
    [
        "ftyp",
        "moov",
        "mdat",
        "free",
        "skip",
        "wide",
        "udta",
        "uuid",
        "moof",
        "meta",
        "sidx",
        "mfra",
        "pdin",
        "styp",
        "emsg",
    ]
)
_XING_OFFSETS = (13, 15, 21, 23, 36, 38)  # from the start of a frame: header, check sum or not, side information
_LAST_PAGE = 0x04


def mp4_boxes(file: BinaryIO, size: int) -> Iterator[tuple[str, int, int]]:
    """The top-level boxes of an MP4 file (ISO 14496-12, 4.2) as (type, start, end); an end may lie beyond the file."""
    start = 0
    while start + 8 <= size:
        file.seek(start)
        header = file.read(16)
        length = int.from_bytes(header[:4], "big")
        kind = header[4:8].decode("latin-1")
        if length == 1 and len(header) == 16:
            length = int.from_bytes(header[8:16], "big")
        elif length == 0:
            length = size - start
        if length < 8 or kind not in _BOXES:
            return  # something else was put behind the boxes
        yield kind, start, start + length
        start += length


def is_mp4_cut(path: Path) -> bool:
    """True when a box reaches beyond the end of the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        return any(end > size for _, _, end in mp4_boxes(file, size))


def mp4_brand(path: Path) -> str:
    """The major brand ("M4B ", "isom", "aax "), or nothing."""
    with path.open("rb") as file:
        header = file.read(12)
    return header[8:12].decode("latin-1") if header[4:8] == b"ftyp" else ""


def is_mp3_cut(path: Path) -> bool:
    """True when the file holds clearly fewer bytes than its Xing or Info header counts."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = _id3_size(file.read(10))
        file.seek(start)
        head = file.read(4096)
    for mark in (b"Xing", b"Info"):
        at = head.find(mark)
        if at < 0 or len(head) < at + 16 or not _stands_in_frame(head, at):
            continue
        (flags,) = struct.unpack_from(">I", head, at + 4)
        if not flags & 2:
            return False
        (promised,) = struct.unpack_from(">I", head, at + 8 + (4 if flags & 1 else 0))
        return bool(size - start < promised * _TOLERANCE)
    return False


def _stands_in_frame(head: bytes, at: int) -> bool:
    return any(at >= back and _mp3_frame(head[at - back : at - back + 4]) for back in _XING_OFFSETS)


def _id3_size(header: bytes) -> int:
    if header[:3] != b"ID3" or len(header) < 10:
        return 0
    size = 0
    for byte in header[6:10]:
        size = size << 7 | byte & 0x7F
    return size + 10


def is_ogg_cut(path: Path) -> bool:
    """True when the last page is incomplete or does not say that it is the last (RFC 3533, 6)."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _OGG_TAIL_BYTES))
        tail = file.read()
    at = tail.rfind(b"OggS")
    page = tail[at:]
    if at < 0 or len(page) < 27 or len(page) < 27 + page[26]:
        return True
    body = sum(page[27 : 27 + page[26]])
    return len(page) < 27 + page[26] + body or not page[5] & _LAST_PAGE


def is_wav_cut(path: Path) -> bool:
    """True when the RIFF or AIFF container says that it is clearly longer than the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(8)
    if header[:4] not in (b"RIFF", b"FORM"):
        return False
    promised = int.from_bytes(header[4:8], "little" if header[:4] == b"RIFF" else "big")
    return promised != 0xFFFFFFFF and size < (promised + 8) * _TOLERANCE


def varies_in_bitrate(path: Path, *, read_bytes: int = 262_144) -> bool:
    """True when the frames of an MP3 stream near its start have different bitrates.

    Follows frame headers (ISO 11172-3, 2.4.1.3) from the first valid one; layer III only.
    """
    with path.open("rb") as file:
        file.seek(_id3_size(file.read(10)))
        data = file.read(read_bytes)
    rates = set()
    at = data.find(b"\xff")
    while 0 <= at < len(data) - 4:
        frame = _mp3_frame(data[at : at + 4])
        if frame is None:
            at = data.find(b"\xff", at + 1)
            continue
        kbps, length = frame
        rates.add(kbps)
        if len(rates) > 1:
            return True
        at += length
    return False


_KBPS_V1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBPS_V2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def _mp3_frame(header: bytes) -> tuple[int, int] | None:
    """(kbit/s, length in bytes) of the layer III frame that starts with these four bytes, or None."""
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    rate_index, frequency_index = header[2] >> 4, header[2] >> 2 & 3
    if header[0] != 0xFF or header[1] & 0xE0 != 0xE0 or version == 1 or layer != 1:
        return None
    if rate_index in (0, 15) or frequency_index == 3:
        return None
    kbps = (_KBPS_V1 if version == 3 else _KBPS_V2)[rate_index]
    slots = 144 if version == 3 else 72
    return kbps, slots * kbps * 1000 // _RATES[version][frequency_index] + (header[2] >> 1 & 1)
