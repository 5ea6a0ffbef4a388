"""Reading .torrent files and magnets: the right hash, the right files, and a name for every fault."""

import base64
import contextlib
import hashlib
import os
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.domain.bencode import Decoder, encode
from acquisition.domain.torrents import BadTorrent, parse_magnet, parse_torrent
from acquisition.tests.fake_indexers import make_torrent

HASH = "c9e15763f722f23e98a29decdfae341b98d53056"


def v1(**changes: object) -> bytes:
    info: dict[str, object] = {"name": "Book", "piece length": 16384, "pieces": b"x" * 20, "length": 100}
    info.update(changes)
    return encode({"info": {key.replace("_", " "): value for key, value in info.items() if value is not None}})


def files(*entries: tuple[int, list[object]]) -> bytes:
    listed = [{"length": size, "path": path} for size, path in entries]
    total = sum(max(0, size) for size, _ in entries)
    return v1(length=None, files=listed, pieces=b"x" * 20 * -(-total // 16384))


def entry(**values: object) -> bytes:
    """One file whose entry says these."""
    listed = {"length": 1, "path": ["a.mp3"], **values}
    return v1(length=None, files=[{key.replace("_", " "): value for key, value in listed.items()}])


def v2(tree: dict[object, object], **more: object) -> bytes:
    return encode({"info": {"name": "Book", "piece length": 16384, "meta version": 2, "file tree": tree, **more}})


def leaf(size: int) -> dict[str, object]:
    return {"": {"length": size, "pieces root": b"r" * 32}}


def test_hash_is_of_the_raw_info_even_when_its_keys_are_out_of_order() -> None:
    raw = b"d6:pieces20:" + b"x" * 20 + b"4:name4:Book12:piece lengthi16384e6:lengthi100ee"
    torrent = parse_torrent(b"d8:announce17:http://t.example/4:info" + raw + b"e")
    assert torrent.infohash_v1 == hashlib.sha1(raw).hexdigest()
    assert torrent.ref == torrent.infohash_v1
    assert torrent.infohash_v2 == ""
    assert torrent.trackers == ("http://t.example/",)


def test_files_of_a_folder_torrent() -> None:
    torrent = parse_torrent(make_torrent("Emma", {"Disc 1/01.mp3": b"a" * 40000, "cover.jpg": b"b" * 5}, private=True))
    assert [(file.path, file.size_bytes, file.index) for file in torrent.files] == [
        ("Emma/Disc 1/01.mp3", 40000, 0),
        ("Emma/cover.jpg", 5, 1),
    ]
    assert torrent.size_bytes == 40005
    assert torrent.is_private
    assert not torrent.is_single_file


def test_single_file_web_seeds_and_trackers() -> None:
    torrent = parse_torrent(
        encode(
            {
                "announce": "udp://a.example:1/x",
                "announce-list": [["udp://a.example:1/x", "http://b.example/secret-passkey"], ["ftp://c.example"]],
                "url-list": ["https://archive.example/download/", "javascript:alert(1)"],
                "info": {"name": "book.m4b", "piece length": 16384, "pieces": b"x" * 20, "length": 7},
            }
        )
    )
    assert torrent.is_single_file
    assert torrent.files[0].path == "book.m4b"
    assert torrent.trackers == ("udp://a.example:1/x", "http://b.example/secret-passkey")
    assert torrent.web_seeds == ("https://archive.example/download/",)
    assert "secret-passkey" not in repr(torrent)


def test_version_2_has_a_sha256_and_is_found_by_its_first_twenty_bytes() -> None:
    data = v2({"CD": {"01.mp3": leaf(5)}, "02.mp3": leaf(7)})
    torrent = parse_torrent(data)
    assert torrent.infohash_v1 == ""
    assert len(torrent.infohash_v2) == 64
    assert torrent.refs == (torrent.infohash_v2[:40],)
    assert {file.path: file.size_bytes for file in torrent.files} == {"Book/CD/01.mp3": 5, "Book/02.mp3": 7}


def test_version_2_single_file() -> None:
    torrent = parse_torrent(v2({"Book": leaf(5)}))
    assert torrent.is_single_file
    assert torrent.files[0].path == "Book"


def test_hybrid_has_both_hashes_and_marks_padding() -> None:
    listed = [{"length": 5, "path": ["a.mp3"]}, {"length": 3, "path": [".pad", "3"], "attr": "p"}]
    torrent = parse_torrent(v2({"a.mp3": leaf(5)}, files=listed, pieces=b"x" * 20))
    assert len(torrent.refs) == 2
    assert [file.is_padding for file in torrent.files] == [False, True]
    assert torrent.size_bytes == 5


@pytest.mark.parametrize(
    "data, code",
    [
        (b"", "truncated"),
        (b"<html><body>login</body></html>", "not_bencode"),
        (b"de", "no_info"),
        (b"d4:infoi1ee", "no_info"),
        (v1(pieces=None), "no_pieces"),
        (v1(name=None), "bad_field"),
        (v1(name=".."), "unsafe_path"),
        (v1(name="/etc/passwd"), "unsafe_path"),
        (v1(name="a\x00b"), "unsafe_path"),
        (v1(name="C:"), "unsafe_path"),
        (v1(length=-1), "bad_size"),
        (v1(length=2**62), "bad_size"),
        (v1(length=20000), "bad_pieces"),
        (v1(piece_length=0), "bad_pieces"),
        (v1(pieces=b"x" * 19), "bad_pieces"),
        (files((1, ["..", "x"])), "unsafe_path"),
        (files((1, ["a", "../../x"])), "unsafe_path"),
        (files((1, ["a\\..\\x"])), "unsafe_path"),
        (files((1, [""])), "unsafe_path"),
        (files((1, [7])), "unsafe_path"),
        (files((1, ["x" * 300])), "unsafe_path"),
        (files((1, ["ж" * 128])), "unsafe_path"),
        (files((1, [".. "])), "unsafe_path"),
        (files((1, ["..."])), "unsafe_path"),
        (files((1, ["a\nb.mp3"])), "unsafe_path"),
        (files((1, ["a\x85b.mp3"])), "unsafe_path"),
        (files((1, ["a\u2028b.mp3"])), "unsafe_path"),
        (files((1, ["a\u202e3pm.exe"])), "unsafe_path"),
        (files((1, ["a"]), (1, ["a"])), "same_path"),
        (files((1, ["a"]), (1, ["a", "b"])), "same_path"),
        (entry(attr="l"), "has_links"),
        (entry(attr="hl"), "has_links"),
        (entry(symlink_path=["..", "..", "etc", "passwd"]), "has_links"),
        (entry(attr=7), "bad_field"),
        (entry(**{"path.utf-8": ["..", "x"]}), "unsafe_path"),
        (entry(path=["..", "x"], **{"path.utf-8": ["x"]}), "unsafe_path"),
        (v1(name="../x", **{"name.utf-8": "x"}), "unsafe_path"),
        (v2({"a": {"": {"length": 1, "pieces root": b"r" * 32, "attr": "l", "symlink path": ["b"]}}}), "has_links"),
        (v2({"../a": leaf(1)}, files=[{"length": 1, "path": ["a"]}], pieces=b"x" * 20), "unsafe_path"),
        (v2({"b": leaf(1)}, files=[{"length": 1, "path": ["a"]}], pieces=b"x" * 20), "two_lists"),
        (v2({"a": leaf(2)}, files=[{"length": 1, "path": ["a"]}], pieces=b"x" * 20), "two_lists"),
        (files((1, ["x" * 250] * 20)), "unsafe_path"),
        (files((1, [])), "bad_field"),
        (v1(length=None, files=[]), "no_files"),
        (v1(length=None, files=["x"]), "bad_field"),
        (files(*[(1, [f"{n}.mp3"]) for n in range(100_000)]), "too_many_files"),
        (v2({f"{n}.mp3": leaf(1) for n in range(20_001)}), "too_many_files"),
        (v2({}), "no_files"),
        (v2({"..": leaf(1)}), "unsafe_path"),
        (v2({"a": {"": {"length": 1}, "b": leaf(1)}}), "bad_field"),
        (v2({"a": 1}), "bad_field"),
        (b"d4:info" + b"l" * 5000 + b"e" * 5001, "too_deep"),
        (b"d4:infod4:name1:a4:name1:bee", "duplicate_key"),
        (b"d4:infodi1e1:aee", "bad_key"),
        (b"d4:infod6:lengthi99999999999999999999999eee", "bad_number"),
        (b"d4:infod6:lengthi9223372036854775808eee", "bad_number"),
        (b"d4:infod6:lengthi-0eee", "bad_number"),
        (b"d4:infod6:lengthi007eee", "bad_number"),
        (b"d4:infod4:name99999:xee", "truncated"),
        (b"d4:infod4:name", "truncated"),
        (v1() + b"garbage", "trailing_bytes"),
        (b"d4:infol" + b"i1e" * 1_000_001 + b"ee", "too_many_values"),
        (b"d4:info" + b"0" * (10 * 1024 * 1024), "too_large"),
    ],
)
def test_hostile_torrents_get_a_named_error(data: bytes, code: str) -> None:
    with pytest.raises(BadTorrent) as caught:
        parse_torrent(data)
    assert caught.value.code == code
    assert caught.value.message.endswith(".")


def test_odd_names_that_harm_nobody_are_taken() -> None:
    odd = ["CON", "nul.mp3", "ספר\u200f.mp3", ".hidden", "x" * 251 + ".mp3", "a  b .mp3", "Ünï – cödé.mp3"]
    listed = [{"length": 1, "path": [name]} for name in odd]
    torrent = parse_torrent(v1(length=None, files=listed))
    assert [file.path for file in torrent.files] == [f"Book/{name}" for name in odd]


NAMES = st.lists(st.text(max_size=12) | st.sampled_from(["..", ".", "", "/", "a/../b", "C:", "\x00"]), max_size=4)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=12), st.lists(NAMES, min_size=1, max_size=4))
def test_no_path_that_is_taken_leads_out_of_its_folder(name: str, paths: list[list[str]]) -> None:
    listed = [{"length": 1, "path": path} for path in paths]
    try:
        torrent = parse_torrent(v1(name=name, length=None, files=listed))
    except (BadTorrent, UnicodeEncodeError):
        return
    for file in torrent.files:
        whole = PurePosixPath("/downloads") / file.path
        assert PurePosixPath(os.path.normpath(whole)) == whole
        assert whole.is_relative_to(f"/downloads/{name}")
        assert file.path.isprintable() or "\n" not in file.path


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda tail: v1()[:-10] + tail))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(BadTorrent):
        assert parse_torrent(data).refs


VALUES = st.recursive(
    st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=6), inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_what_is_encoded_is_decoded(value: object) -> None:
    assert Decoder(encode(value)).document() == value


def test_magnet_in_hexadecimal_and_base32_are_the_same() -> None:
    base32 = base64.b32encode(bytes.fromhex(HASH)).decode()
    link = f"magnet:?xt=urn:btih:{HASH.upper()}&dn=Emma%20Unabridged&xl=123&tr=http%3A%2F%2Ft.example%2Fkey&ws=x"
    magnet = parse_magnet(link)
    assert magnet.ref == HASH == parse_magnet(f"magnet:?xt=urn:btih:{base32}").ref
    assert (magnet.name, magnet.size_bytes, magnet.trackers) == ("Emma Unabridged", 123, ("http://t.example/key",))
    assert "t.example/key" not in repr(magnet)


def test_magnet_of_version_2_and_of_both() -> None:
    both = parse_magnet(f"magnet:?xt.1=urn:btih:{HASH}&xt.2=urn:btmh:1220{'ab' * 32}")
    assert both.refs == (HASH, "ab" * 20)
    assert parse_magnet(f"magnet:?xt=urn:btmh:1220{'AB' * 32}").ref == "ab" * 20


@pytest.mark.parametrize(
    "link",
    [
        "",
        "http://x",
        "magnet:?dn=x",
        "magnet:?xt=urn:btih:zz",
        "magnet:?xt=urn:btih:" + "1" * 32,
        "magnet:?" + "a&" * 5000,
        "magnet:?xt=urn:btih:" + HASH + "&dn=" + "x" * 70_000,
        f"magnet:?xt=urn:sha1:{HASH}",
    ],
)
def test_bad_magnets(link: str) -> None:
    with pytest.raises(BadTorrent) as caught:
        parse_magnet(link)
    assert caught.value.code == "bad_magnet"
