"""What every torrent client needs to know of a payload before it is added: under which ids it will be found again."""

import re
from dataclasses import dataclass, field

from acquisition.domain.facts import Payload
from acquisition.domain.torrents import BadTorrent, parse_magnet, parse_torrent
from config.errors import Rejected

REF = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
TAG = re.compile(r"[^,\x00-\x1f]{1,100}")


@dataclass(frozen=True)
class ReadPayload:
    """A payload that was checked: exactly one of `torrent` and `magnet`; `refs` are its ids, the likeliest first."""

    refs: tuple[str, ...]
    name: str
    torrent: bytes = field(default=b"", repr=False)
    magnet: str = field(default="", repr=False)


def read_payload(payload: Payload, *, service: str) -> ReadPayload:
    """Read a .torrent or a magnet link; Rejected when it is neither."""
    try:
        if payload.torrent:
            torrent = parse_torrent(payload.torrent)
            return ReadPayload(torrent.refs, torrent.name, torrent=payload.torrent)
        if payload.magnet_url:
            magnet = parse_magnet(payload.magnet_url)
            return ReadPayload(magnet.refs, magnet.name, magnet=payload.magnet_url)
    except BadTorrent as error:
        raise Rejected(f"The torrent is not accepted: {error.message}", service=service, code="bad_torrent") from error
    raise Rejected(
        f"{service} takes torrents and magnet links; this release has neither.",
        service=service,
        code="unsupported_protocol",
    )


def checked_ref(ref: str, *, service: str) -> str:
    """The infohash in lower case. Anything else is refused, above all the empty text and "all", which clients would
    take for every torrent that they have."""
    text = ref.strip().lower()
    if not REF.fullmatch(text):
        raise Rejected(f"{service} is asked for something that is not an infohash.", service=service, code="bad_ref")
    return text


def checked_tag(tag: str, *, service: str) -> str:
    """The tag, which must not be empty nor hold a comma, since clients join tags by it."""
    if not TAG.fullmatch(tag) or tag != tag.strip():
        raise Rejected(f"{service} cannot use this tag; it must be short and without commas.", service=service)
    return tag
