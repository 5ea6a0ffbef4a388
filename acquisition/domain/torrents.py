"""What a .torrent or a magnet link says (BEP 3, 9, 12, 19, 27, 47, 52).

Nothing is added to a client before it was read here: the infohash is computed from the raw bytes of `info`, never from
a decoded copy, so that it is the one that every client computes; file paths that could leave their folder are refused.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from acquisition.domain.bencode import BadTorrent, Decoder

__all__ = [
    "BadTorrent",
    "Magnet",
    "Torrent",
    "TorrentFile",
    "looks_like_torrent",
    "normalise_infohash",
    "parse_magnet",
    "parse_torrent",
]

MAX_FILES = 20_000
MAX_TRACKERS = 200
MAX_PATH_BYTES = 4096
MAX_COMPONENT_BYTES = 255  # no file system that downloads lie on stores a longer name
MAX_TOTAL_BYTES = 1 << 50
MAX_MAGNET_CHARACTERS = 64 * 1024
HEX_HASH = re.compile(r"[0-9a-fA-F]{40}")
BASE32_HASH = re.compile(r"[2-7A-Za-z]{32}")
V2_HASH = re.compile(r"1220([0-9a-fA-F]{64})")
# Controls and line ends, and what turns the direction of text over, so that a name is read from its end.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202d\u202e]")
DRIVE = re.compile(r"[A-Za-z]:")
TRACKER_SCHEMES = {"http", "https", "udp", "ws", "wss"}


@dataclass(frozen=True, slots=True)
class TorrentFile:
    """A file inside. `path` has forward slashes and starts with the torrent's folder, if it has one."""

    path: str
    size_bytes: int
    index: int
    is_padding: bool = False


@dataclass(frozen=True, slots=True)
class Torrent:
    """What a .torrent holds. Hashes are lower-case hexadecimal, empty where its version has none.

    `trackers` may hold a passkey, so they stay out of the repr. With `is_single_file`, `name` is the file itself.
    """

    name: str
    infohash_v1: str
    infohash_v2: str
    files: tuple[TorrentFile, ...] = field(repr=False)
    piece_bytes: int
    is_private: bool
    is_single_file: bool
    trackers: tuple[str, ...] = field(default=(), repr=False)
    web_seeds: tuple[str, ...] = field(default=(), repr=False)

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files if not file.is_padding)

    @property
    def refs(self) -> tuple[str, ...]:
        """The ids under which a client may hold it, the likeliest first."""
        return _refs(self.infohash_v1, self.infohash_v2)

    @property
    def ref(self) -> str:
        return self.refs[0]


@dataclass(frozen=True, slots=True)
class Magnet:
    """What a magnet link holds (BEP 9). `trackers` may hold a passkey."""

    infohash_v1: str
    infohash_v2: str
    name: str = ""
    size_bytes: int | None = None
    trackers: tuple[str, ...] = field(default=(), repr=False)
    web_seeds: tuple[str, ...] = field(default=(), repr=False)

    @property
    def refs(self) -> tuple[str, ...]:
        return _refs(self.infohash_v1, self.infohash_v2)

    @property
    def ref(self) -> str:
        return self.refs[0]


def _refs(v1: str, v2: str) -> tuple[str, ...]:
    """Clients name a hybrid torrent by its v1 hash or by the first 20 bytes of its v2 hash; a v2 one by the latter."""
    return tuple(value for value in (v1, v2[:40]) if value)


def looks_like_torrent(data: bytes) -> bool:
    """A cheap test whether bytes could be a .torrent at all (and not, for example, a web page)."""
    return data[:1] == b"d" and data[1:2].isdigit()


def parse_torrent(data: bytes) -> Torrent:
    """Read and check a .torrent; BadTorrent says what is wrong with it."""
    decoder = Decoder(data)
    document = decoder.document()
    if not isinstance(document, dict) or not isinstance(document.get(b"info"), dict):
        raise BadTorrent("no_info", "It is not a torrent: it has no info dictionary.")
    start, end = decoder.spans[b"info"]
    raw_info, info = data[start:end], document[b"info"]
    name = _component(_named(info, b"name"))
    has_v2 = info.get(b"meta version") == 2 and isinstance(info.get(b"file tree"), dict)
    has_v1 = b"pieces" in info
    if not has_v1 and not has_v2:
        raise BadTorrent("no_pieces", "It is not a torrent: it has neither pieces nor a file tree.")
    piece_bytes = _integer(info, b"piece length")
    if piece_bytes <= 0:
        raise BadTorrent("bad_pieces", "The length of its pieces is impossible.")
    listed, is_single = _files_v1(info, name) if has_v1 else _files_v2(info, name)
    files = tuple(_indexed(listed))
    _check_distinct(files)
    if has_v1 and has_v2:
        _check_same(files, _files_v2(info, name)[0])
    if has_v1:
        _check_pieces(info, piece_bytes, sum(file.size_bytes for file in files))
    return Torrent(
        name=name,
        infohash_v1=hashlib.sha1(raw_info, usedforsecurity=False).hexdigest() if has_v1 else "",
        infohash_v2=hashlib.sha256(raw_info).hexdigest() if has_v2 else "",
        files=files,
        piece_bytes=piece_bytes,
        is_private=info.get(b"private") == 1,
        is_single_file=is_single,
        trackers=_trackers(document),
        web_seeds=_web_seeds(document),
    )


def _named(source: Mapping[bytes, object], key: bytes) -> bytes:
    """A text that may be given a second time in UTF-8 under `<key>.utf-8`, as older programs do. Both must be safe,
    since nobody knows which one a client reads."""
    value = source.get(key + b".utf-8", source.get(key))
    if not isinstance(value, bytes):
        raise BadTorrent("bad_field", f"Its {key.decode()} is not text.")
    _component(source.get(key, value))
    return value


def _integer(source: Mapping[bytes, object], key: bytes) -> int:
    value = source.get(key)
    if not isinstance(value, int):
        raise BadTorrent("bad_field", f"Its {key.decode()} is not a number.")
    return value


def _size(source: Mapping[bytes, object]) -> int:
    size = _integer(source, b"length")
    if not 0 <= size <= MAX_TOTAL_BYTES:
        raise BadTorrent("bad_size", "It names a file of an impossible size.")
    return size


def _component(raw: object) -> str:
    """One component of a path; BadTorrent when it could lead out of its folder or cannot be a name."""
    if not isinstance(raw, bytes):
        raise BadTorrent("unsafe_path", "It names a file by something that is not text.")
    text = _text(raw)
    # Some systems drop dots and spaces at the end, which makes ".. " a way out.
    if not text.strip(" .") or "/" in text or "\\" in text or CONTROL.search(text) or DRIVE.fullmatch(text):
        raise BadTorrent("unsafe_path", f"It names a file by a path that is not safe: {text[:80]!r}.")
    if len(raw) > MAX_COMPONENT_BYTES:
        raise BadTorrent("unsafe_path", "It names a file by a name that is too long for any disk.")
    return text


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


Listed = Iterator[tuple[str, int, bool]]


def _files_v1(info: Mapping[bytes, object], name: str) -> tuple[Listed, bool]:
    entries = info.get(b"files")
    if entries is None:
        return iter([(name, _size(info), False)]), True
    if not isinstance(entries, list) or not entries:
        raise BadTorrent("no_files", "It lists no files.")
    if len(entries) > MAX_FILES:
        raise BadTorrent("too_many_files", f"It lists {len(entries)} files; more than {MAX_FILES} are not accepted.")
    return (_entry_v1(entry, name) for entry in entries), False


def _entry_v1(entry: object, name: str) -> tuple[str, int, bool]:
    if not isinstance(entry, dict):
        raise BadTorrent("bad_field", "It lists a file without a path.")
    paths = [_path_v1(entry[key], name) for key in (b"path.utf-8", b"path") if key in entry]
    if not paths:
        raise BadTorrent("bad_field", "It lists a file without a path.")
    return paths[0], _size(entry), _is_padding(entry)


def _path_v1(parts: object, name: str) -> str:
    if not isinstance(parts, list) or not parts:
        raise BadTorrent("bad_field", "It lists a file without a path.")
    return _joined([name, *map(_component, parts)])


def _files_v2(info: Mapping[bytes, object], name: str) -> tuple[Listed, bool]:
    tree = info[b"file tree"]
    assert isinstance(tree, dict)
    found = list(_walk_tree(tree, ()))
    if not found:
        raise BadTorrent("no_files", "It lists no files.")
    is_single = len(found) == 1 and found[0][0] == (name,)
    prefix = () if is_single else (name,)
    return ((_joined([*prefix, *parts]), size, padding) for parts, size, padding in found), is_single


def _walk_tree(tree: Mapping[bytes, object], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int, bool]]:
    """The files of a v2 tree; a file is a dictionary whose only key is empty. The decoder has bounded the depth."""
    for key, node in tree.items():
        parts = (*above, _component(key))
        if not isinstance(node, dict) or not node:
            raise BadTorrent("bad_field", "Its file tree is broken.")
        leaf = node.get(b"")
        if leaf is None:
            yield from _walk_tree(node, parts)
        elif isinstance(leaf, dict) and len(node) == 1:
            yield parts, _size(leaf), _is_padding(leaf)
        else:
            raise BadTorrent("bad_field", "Its file tree names something that is both a file and a folder.")


def _is_padding(entry: Mapping[bytes, object]) -> bool:
    """Whether it only fills a piece (BEP 47). A link is refused: a client would make it, and it may lead anywhere."""
    attributes = entry.get(b"attr", b"")
    if not isinstance(attributes, bytes):
        raise BadTorrent("bad_field", "It describes a file by something that is not text.")
    if b"l" in attributes or b"symlink path" in entry:
        raise BadTorrent("has_links", "It holds links to other files, which may lead out of its folder.")
    return b"p" in attributes


def _check_distinct(files: tuple[TorrentFile, ...]) -> None:
    """Each path once, and none of them both a file and a folder: clients would rename what collides."""
    paths = [file.path for file in files if not file.is_padding]
    folders = {path[:place] for path in paths for place, letter in enumerate(path) if letter == "/"}
    if len(set(paths)) < len(paths) or not folders.isdisjoint(paths):
        raise BadTorrent("same_path", "It names two files by the same path.")


def _check_same(files: tuple[TorrentFile, ...], other: Listed) -> None:
    """A hybrid torrent lists its files twice, for clients of either version; both must say the same (BEP 52)."""
    listed = [(file.path, file.size_bytes) for file in files if not file.is_padding]
    if sorted(listed) != sorted((path, size) for path, size, padding in other if not padding):
        raise BadTorrent("two_lists", "It lists other files for some clients than for the rest.")


def _joined(parts: list[str]) -> str:
    path = "/".join(parts)
    if len(path.encode("utf-8", "replace")) > MAX_PATH_BYTES:
        raise BadTorrent("unsafe_path", "It names a file by a path that is too long.")
    return path


def _indexed(listed: Listed) -> Iterator[TorrentFile]:
    total = 0
    for index, (path, size, padding) in enumerate(listed):
        total += size
        if index >= MAX_FILES:
            raise BadTorrent("too_many_files", f"It lists more than {MAX_FILES} files.")
        if total > MAX_TOTAL_BYTES:
            raise BadTorrent("bad_size", "It claims an impossible size.")
        yield TorrentFile(path, size, index, padding)


def _check_pieces(info: Mapping[bytes, object], piece_bytes: int, total: int) -> None:
    pieces = info[b"pieces"]
    if not isinstance(pieces, bytes) or len(pieces) % 20 or len(pieces) // 20 != -(-total // piece_bytes):
        raise BadTorrent("bad_pieces", "Its pieces do not fit its files.")


def _trackers(document: Mapping[bytes, object]) -> tuple[str, ...]:
    tiers = document.get(b"announce-list")
    listed = [url for tier in tiers if isinstance(tier, list) for url in tier] if isinstance(tiers, list) else []
    return _urls([document.get(b"announce"), *listed], TRACKER_SCHEMES)


def _web_seeds(document: Mapping[bytes, object]) -> tuple[str, ...]:
    seeds = document.get(b"url-list")
    return _urls(seeds if isinstance(seeds, list) else [seeds], {"http", "https"})


def _urls(values: list[object], schemes: set[str]) -> tuple[str, ...]:
    """Those that are URLs of the schemes, once each, in their order."""
    texts = (value.decode("utf-8", "replace").strip() for value in values if isinstance(value, bytes))
    kept = dict.fromkeys(text for text in texts if text.partition("://")[0].lower() in schemes)
    return tuple(kept)[:MAX_TRACKERS]


def parse_magnet(link: str) -> Magnet:
    """Read a magnet link; BadTorrent when it names no torrent. Base32 hashes become hexadecimal."""
    if len(link) > MAX_MAGNET_CHARACTERS or not link[:8].lower().startswith("magnet:?"):
        raise BadTorrent("bad_magnet", "It is not a magnet link.")
    try:
        pairs = parse_qsl(urlsplit(link.strip()).query, max_num_fields=1000)
    except ValueError as error:
        raise BadTorrent("bad_magnet", "It is not a magnet link that can be read.") from error
    named: dict[str, list[str]] = {}
    for key, value in pairs:
        named.setdefault(re.sub(r"\.\d+$", "", key.lower()), []).append(value)
    v1, v2 = _topics(named.get("xt", []))
    if not v1 and not v2:
        raise BadTorrent("bad_magnet", "The magnet link has no infohash.")
    size = named.get("xl", [""])[0]
    return Magnet(
        infohash_v1=v1,
        infohash_v2=v2,
        name=CONTROL.sub(" ", named.get("dn", [""])[0]).strip(),
        size_bytes=int(size) if size.isascii() and size.isdigit() and len(size) < 17 else None,
        trackers=_urls([value.encode() for value in named.get("tr", [])], TRACKER_SCHEMES),
        web_seeds=_urls([value.encode() for value in named.get("ws", [])], {"http", "https"}),
    )


def _topics(topics: list[str]) -> tuple[str, str]:
    v1 = v2 = ""
    for topic in topics:
        kind, _, value = topic.rpartition(":")
        if kind.lower() == "urn:btih":
            v1 = v1 or normalise_infohash(value)
        elif kind.lower() == "urn:btmh" and (found := V2_HASH.fullmatch(value)):
            v2 = v2 or found.group(1).lower()
    return v1, v2


def normalise_infohash(text: str) -> str:
    """A v1 infohash as 40 lower-case hexadecimal digits; empty when the text (hexadecimal or base32) is none."""
    text = text.strip()
    if HEX_HASH.fullmatch(text):
        return text.lower()
    if BASE32_HASH.fullmatch(text):
        try:
            return base64.b32decode(text.upper()).hex()
        except binascii.Error:
            return ""
    return ""
