"""Whatever the other side sends, readers return values or raise errors that have a name."""

import contextlib
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.clients import qbittorrent_rows, transmission
from acquisition.clients.archive_items import releases_of
from acquisition.clients.librivox import read_book
from acquisition.clients.mam_items import read_release
from acquisition.clients.torznab_xml import ItemReader, parse_capabilities, parse_document
from config.errors import ExternalAPIError

TEXT = st.text(max_size=40) | st.sampled_from(
    [
        "",
        "-1",
        "1e999",
        "nan",
        "9" * 40,
        "http://[",
        "http://h:99999/x",
        "magnet:?xt=urn:btih:zz",
        "Sat, 99 Foo 0 1:2:3",
    ]
)
NUMBER = st.integers() | st.floats()
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def rows(keys: str, **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Rows with these fields, any of which may be missing or anything."""
    return st.fixed_dictionaries(dict(fixed), optional=dict.fromkeys(keys.split(), ANYTHING))


QB = rows(
    "name state progress size completed dlspeed eta save_path content_path ratio seeding_time num_complete num_seeds "
    "tags category amount_left",
    hash=TEXT,
)
TR = rows(
    "name status error errorString isStalled downloadDir totalSize sizeWhenDone leftUntilDone percentDone "
    "metadataPercentComplete rateDownload eta uploadRatio secondsSeeding",
    hashString=TEXT,
    labels=st.none() | st.lists(TEXT, max_size=2),
    trackerStats=st.none() | st.lists(ANYTHING, max_size=2),
)
MAM = rows(
    "author_info narrator_info series_info lang_code filetype size seeders leechers times_completed added browseflags "
    "tags free fl_vip personal_freeleech vip mediainfo isbn numfiles catname",
    id=st.integers(0, 10**9) | TEXT,
    title=TEXT,
)
FILE = rows("size md5 sha1 length track private", name=TEXT, format=st.just("128Kbps MP3"))
ITEM = rows("title creator language licenseurl collection description publicdate call_number", identifier=TEXT)
BOOK = rows("id title language num_sections totaltimesecs authors sections url_iarchive url_zip_file")
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["seeders", "peers", "size", "infohash", "magneturl", "minimumratio", "minimumseedtime", "author"]),
    TEXT,
)


@settings(max_examples=150, deadline=None)
@given(QB)
def test_qbittorrent(row: dict[str, Any]) -> None:
    assert 0 <= qbittorrent_rows.read_download(row).progress <= 1


@settings(max_examples=150, deadline=None)
@given(TR)
def test_transmission(row: dict[str, Any]) -> None:
    assert 0 <= transmission.read_download(row).progress <= 1


@settings(max_examples=150, deadline=None)
@given(MAM)
def test_myanonamouse(row: dict[str, Any]) -> None:
    release = read_release(row, base_url="https://h")
    assert release is None or release.guid.isdigit()


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries({"metadata": ITEM, "files": st.lists(FILE | ANYTHING, max_size=3)}), BOOK)
def test_archive(document: dict[str, Any], row: dict[str, Any]) -> None:
    for release in releases_of(document, read_book(row), base_url="https://h"):
        assert release.direct_files


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["title", "guid", "link", "pubDate", "size", "comments"]), TEXT),
    ATTRIBUTES,
    st.dictionaries(st.sampled_from(["url", "type", "length"]), TEXT | st.just("audio/mpeg")),
)
def test_torznab(fields: dict[str, str], attributes: dict[str, str], enclosure: dict[str, str]) -> None:
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
    inner += "".join(f"<attr name={quoteattr(name)} value={quoteattr(value)}/>" for name, value in attributes.items())
    inner += "<enclosure " + " ".join(f"{name}={quoteattr(value)}" for name, value in enclosure.items()) + "/>"
    body = f"<rss><channel><item>{inner}</item></channel></rss>".encode("utf-8", "replace")
    for release in ItemReader("X", "secret-key").releases(parse_document(body, service="X")):
        assert release.guid
        assert release.title


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="<>/&;#xcaps =\"'!DOCTYPE[]", max_size=80).map(str.encode))
def test_xml(body: bytes) -> None:
    with contextlib.suppress(ExternalAPIError):
        parse_capabilities(parse_document(body, service="X"), service="X")
