"""Torznab over real HTTP: what is asked, what is read, what is refused, and that no key ever shows."""

import datetime
import traceback
from collections.abc import Iterator

import pytest

from acquisition.clients.torznab import TorznabClient, split_address
from acquisition.domain.facts import DirectFile, OfferedRelease, SearchQuery
from acquisition.tests.fake_http import Pages, Reply
from acquisition.tests.fake_indexers import FakeItem, FakeTorznab, make_torrent
from config.errors import ExternalAPIError, Malformed, Rejected, Unavailable
from config.http import Guard

KEY = "s3cr3tk3y"
HASH = "c9e15763f722f23e98a29decdfae341b98d53056"
MAGNET = f"magnet:?xt=urn:btih:{HASH}&dn=Emma"
EMMA = SearchQuery(text="Emma Austen", title="Emma", author="Austen")


@pytest.fixture
def indexer() -> Iterator[FakeTorznab]:
    with FakeTorznab(api_key=KEY) as server:
        yield server


def client(server: FakeTorznab | Pages, **options: object) -> TorznabClient:
    return TorznabClient("Books", f"{server.url}/3", KEY, **{"timeout": (2.0, 2.0), **options})


def feed(items: str) -> Reply:
    return Reply(f"<rss><channel>{items}</channel></rss>".encode(), kind="application/rss+xml")


def pages(reply: Reply) -> Pages:
    server = Pages()
    caps = b'<caps><searching><search available="yes"/></searching></caps>'
    server.pages["/3/api"] = lambda request: Reply(caps) if request.first("t") == "caps" else reply
    return server


def one(item: str) -> OfferedRelease:
    with pages(feed(f"<item>{item}</item>")) as server:
        (release,) = client(server).search(EMMA)
        return release


@pytest.mark.parametrize(
    "given, url, key",
    [
        ("http://h:9696/3", "http://h:9696/3/api", ""),
        (" http://h:9696/3/ ", "http://h:9696/3/api", ""),
        ("https://h/base/3/api?t=caps&apikey=abc", "https://h/base/3/api", "abc"),
        ("http://h/api/v1/indexer/3/newznab", "http://h/api/v1/indexer/3/newznab", ""),
        (
            "http://h:9117/api/v2.0/indexers/x/results/torznab/",
            "http://h:9117/api/v2.0/indexers/x/results/torznab/api",
            "",
        ),
    ],
)
def test_every_form_of_a_pasted_address(given: str, url: str, key: str) -> None:
    assert split_address(given) == (url, key)


def test_capabilities(indexer: FakeTorznab) -> None:
    known = client(indexer).capabilities()
    assert known.server == "Fake"
    assert known.search_params == ("q",)
    assert known.book_params == ("q", "author", "title")
    assert known.categories == {3000: "Audio", 3030: "Audio/Audiobook"}
    assert known.page_size == 100


def test_searches_by_field_where_the_indexer_can(indexer: FakeTorznab) -> None:
    indexer.items = [FakeItem("Jane Austen - Emma [M4B]"), FakeItem("Emma by someone else")]
    found = client(indexer).search(EMMA)
    assert [release.title for release in found] == ["Jane Austen - Emma [M4B]"]
    sent = indexer.seen[-1]
    assert (sent.first("t"), sent.first("title"), sent.first("author")) == ("book", "Emma", "Austen")
    assert (sent.first("cat"), sent.first("extended"), sent.first("apikey")) == ("3030", "1", KEY)


@pytest.mark.parametrize("book_params", ["q", "", "q,author"])
def test_searches_by_words_where_it_cannot(indexer: FakeTorznab, book_params: str) -> None:
    indexer.book_params = book_params
    client(indexer).search(SearchQuery(title="Emma: a novel!", author="Austen"))
    assert (indexer.seen[-1].first("t"), indexer.seen[-1].first("q")) == ("search", "Emma a novel Austen")


def test_never_asks_for_everything_when_no_word_is_left(indexer: FakeTorznab) -> None:
    indexer.items = [FakeItem("Anything")]
    assert client(indexer).search(SearchQuery(text="?!")) == []
    assert [request.first("t") for request in indexer.seen] == ["caps"]


def test_an_empty_query_is_the_feed(indexer: FakeTorznab) -> None:
    indexer.items = [FakeItem("Newest")]
    assert [release.title for release in client(indexer).search(SearchQuery())] == ["Newest"]
    assert "q" not in indexer.seen[-1].query


def test_pages_until_the_end(indexer: FakeTorznab) -> None:
    indexer.page_size = 10
    indexer.items = [FakeItem(f"Emma Austen {number}") for number in range(25)]
    assert len(client(indexer).search(EMMA)) == 25
    assert [request.first("offset") for request in indexer.seen[1:]] == ["0", "10", "20"]


def test_stops_when_an_indexer_repeats_its_first_page(indexer: FakeTorznab) -> None:
    indexer.page_size, indexer.honours_offset = 10, False
    indexer.items = [FakeItem(f"Emma Austen {number}") for number in range(25)]
    assert len(client(indexer).search(EMMA)) == 10
    assert len(indexer.seen) == 3


def test_reads_what_a_release_says(indexer: FakeTorznab) -> None:
    indexer.items = [
        FakeItem(
            "Jane Austen - Emma",
            size=500,
            seeders=4,
            attributes={
                "infohash": HASH.upper(),
                "author": "Jane Austen",
                "downloadvolumefactor": "0",
                "uploadvolumefactor": "2",
                "minimumratio": "1.0",
                "minimumseedtime": "259200",
                "language": "English",
                "tag": "Freeleech",
                "grabs": "9",
            },
        )
    ]
    (release,) = client(indexer).search(EMMA)
    assert (release.seeders, release.leechers, release.grabs, release.size_bytes) == (4, 2, 9, 500)
    assert release.infohash == HASH
    assert release.authors == ("Jane Austen",)
    assert (release.download_volume_factor, release.upload_volume_factor) == (0.0, 2.0)
    assert (release.minimum_ratio, release.minimum_seed_seconds) == (1.0, 259200)
    assert release.published_at == datetime.datetime(2015, 3, 14, 21, 10, 42, tzinfo=datetime.UTC)
    assert (release.categories, release.tags, release.language) == ((3030,), ("freeleech",), "English")


def test_reads_either_namespace_and_survives_careless_writers() -> None:
    release = one(
        "<title>Emma &amp; other &nbsp; tales \x02 AT&T &#x1F;</title><link>http://127.0.0.1/x?a=1&b=2</link>"
        '<attr xmlns="http://www.newznab.com/DTD/2010/feeds/attributes/" name="Seeders" value="x"/>'
        "<pubDate>yesterday</pubDate><size>lots</size>"
    )
    assert release.title == "Emma & other tales AT&T"
    assert release.download_url == "http://127.0.0.1/x?a=1&b=2"
    assert (release.seeders, release.leechers, release.size_bytes, release.published_at) == (None, None, None, None)
    assert release.guid


def test_unknown_seeders_are_not_zero_and_zero_is_not_unknown() -> None:
    zero = one("<title>E</title><link>http://h/x</link><attr name='seeders' value='0'/><attr name='peers' value='3'/>")
    assert (zero.seeders, zero.leechers) == (0, 3)


@pytest.mark.parametrize(
    "place", ["<link>{0}</link>", "<enclosure url='{0}'/>", "<attr name='magneturl' value='{0}'/>"]
)
def test_finds_a_magnet_wherever_it_is(place: str) -> None:
    release = one("<title>Emma</title>" + place.format(MAGNET.replace("&", "&amp;")))
    assert (release.magnet_url, release.infohash, release.download_url) == (MAGNET, HASH, "")


def test_items_without_a_title_or_a_way_are_left_out() -> None:
    with pages(feed("<item><link>http://h/x</link></item><item><title>E</title><link>ftp://h</link></item>")) as server:
        assert client(server).search(EMMA) == []


def test_an_audio_enclosure_is_a_direct_file() -> None:
    release = one("<title>Emma</title><enclosure url='http://h/a/Emma%201.mp3' type='audio/mpeg' length='77'/>")
    assert release.protocol == "http"
    assert release.direct_files == (DirectFile("http://h/a/Emma%201.mp3", "Emma 1.mp3", 77),)
    with pages(feed("")) as server:
        assert client(server).fetch(release).direct_files == release.direct_files


@pytest.mark.parametrize(
    "code, kind, name",
    [
        (100, Rejected, "credentials_refused"),
        (101, Rejected, "credentials_refused"),
        (201, Rejected, "upstream_error"),
        (300, Rejected, "upstream_not_found"),
        (410, Rejected, "indexer_disabled"),
        (429, Unavailable, "upstream_limit"),
        (500, Unavailable, "upstream_limit"),
        (501, Unavailable, "upstream_limit"),
        (900, Unavailable, "service_unavailable"),
    ],
)
def test_error_documents_in_our_words(indexer: FakeTorznab, code: int, kind: type[ExternalAPIError], name: str) -> None:
    indexer.error = (code, f"words with {KEY}")
    with pytest.raises(kind) as caught:
        client(indexer).search(EMMA)
    assert caught.value.code == name
    assert KEY not in str(caught.value)


def test_a_used_up_allowance_says_when_to_come_back(indexer: FakeTorznab) -> None:
    indexer.error = (900, "Request limit reached")
    with pytest.raises(Unavailable) as caught:
        client(indexer).search(EMMA)
    assert caught.value.retry_after == 3600


def test_a_wrong_key_is_refused(indexer: FakeTorznab) -> None:
    with pytest.raises(Rejected) as caught:
        TorznabClient("Books", indexer.url, "wrong").capabilities()
    assert caught.value.code == "credentials_refused"


@pytest.mark.parametrize(
    "fault, kind",
    [
        ("refused", Unavailable),
        ("timeout", Unavailable),
        ("401", Rejected),
        ("403", Rejected),
        ("429", Unavailable),
        ("500", Unavailable),
        ("truncated", Unavailable),
        ("wrong_type", Malformed),
        ("huge", Malformed),
    ],
)
def test_faults_have_names_and_tell_no_secret(indexer: FakeTorznab, fault: str, kind: type[ExternalAPIError]) -> None:
    indexer.items = [FakeItem("Emma Austen", torrent=make_torrent())]
    books = client(indexer, timeout=(1.0, 0.2))
    (release,) = books.search(EMMA)
    indexer.fault(fault)
    for call in (books.capabilities, lambda: books.search(EMMA), lambda: books.fetch(release)):
        with pytest.raises(kind) as caught:
            call()
        assert KEY not in f"{caught.value!r} {caught.value} {caught.value.context}"
        assert KEY not in "".join(traceback.format_exception(caught.value))
        assert caught.value.retry_after == (7.0 if fault == "429" else None)


BILLION_LAUGHS = b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a0 "ha">%b]><rss>&a9;</rss>' % b"".join(
    b'<!ENTITY a%d "%b">' % (number, b"&a%d;" % (number - 1) * 10) for number in range(1, 10)
)


@pytest.mark.parametrize(
    "body, code",
    [
        (b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><rss>&a;</rss>', "upstream_error"),
        (b"<html><title>Just a moment...</title></html>", "challenge_page"),
        (BILLION_LAUGHS, "upstream_error"),
        (
            b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY f SYSTEM "file:///etc/passwd">]><rss>&f;</rss>',
            "upstream_error",
        ),
        (b"<rss><channel>" + b"<item>" * 200_000, "upstream_error"),
        (b"not xml at all", "upstream_error"),
        (b"", "upstream_error"),
    ],
)
def test_what_is_not_a_feed_is_refused(body: bytes, code: str) -> None:
    with pages(Reply(body)) as server, pytest.raises(Malformed) as caught:
        client(server).search(EMMA)
    assert caught.value.code == code


def test_a_hundred_megabytes_are_not_read(indexer: FakeTorznab) -> None:
    with pages(Reply(b"<rss>" + b" " * (100 * 1024 * 1024))) as server, pytest.raises(Malformed) as caught:
        client(server).search(EMMA)
    assert "more than 8 MB" in caught.value.message


HOSTILE_ITEMS = """<rss><channel>
<item><title>Emma\x00 \x0bAusten</title><guid>one</guid><link>http://h/1</link><size>-5</size>
  <pubDate>Sat, 31 Feb 2015 25:61:00 +9999</pubDate><attr name="seeders" value="many"/>
  <attr name="downloadvolumefactor" value="nan"/><attr name="minimumseedtime" value="-1"/></item>
<item><title>Emma again</title><guid>one</guid><link>http://h/2</link></item>
<item><title></title><guid>two</guid></item>
<item><guid>three</guid><link>javascript:alert(1)</link></item>
<item><title>Emma four</title><guid>four</guid><link>http://h/4</link><size>99999999999999999999999</size>
  <pubDate>0000-00-00</pubDate><attr name="seeders" value="1e9"/><attr name="category" value="x"/></item>
</channel></rss>"""


def test_wrong_values_are_unknown_and_twins_are_one() -> None:
    with pages(Reply(HOSTILE_ITEMS.encode())) as server:
        found = client(server).search(EMMA)
    by_guid = {release.guid: release for release in found}
    assert len(by_guid) == len(found)
    first, fourth = by_guid["one"], by_guid["four"]
    assert "\x00" not in first.title
    assert (first.size_bytes, first.seeders, first.published_at) == (None, None, None)
    assert (first.download_volume_factor, first.minimum_seed_seconds) == (1.0, None)
    assert (fourth.size_bytes, fourth.seeders, fourth.published_at, fourth.categories) == (None, None, None, ())
    assert all(not release.download_url.startswith("javascript") for release in found)


# -- fetching ---------------------------------------------------------------------------------------------------------


def fetched(indexer: FakeTorznab, item: FakeItem, **options: object):  # type: ignore[no-untyped-def]
    indexer.items = [item]
    books = client(indexer, **options)
    (release,) = books.search(SearchQuery())
    return books.fetch(release)


def test_fetches_a_torrent_with_a_key_that_shows_nowhere(indexer: FakeTorznab) -> None:
    data = make_torrent("Emma")
    indexer.items = [FakeItem("Emma", torrent=data, attributes={"guid": f"http://h?apikey={KEY}"})]
    books = client(indexer)
    (release,) = books.search(SearchQuery())
    assert KEY not in f"{release!r} {books!r}"
    assert books.fetch(release).torrent == data
    assert indexer.calls("/dl/0")[0].first("apikey") == KEY


def test_the_key_goes_to_no_other_host(indexer: FakeTorznab) -> None:
    with Pages() as other:
        other.pages["/steal"] = Reply(make_torrent())
        release = OfferedRelease("g", "t", download_url=f"{other.url}/steal?k={{api_key}}")
        client(indexer, guard=Guard(frozenset({f"127.0.0.1:{other.port}"}))).fetch(release)
        assert KEY not in str(other.seen)


def test_follows_a_redirect_to_a_magnet(indexer: FakeTorznab) -> None:
    assert fetched(indexer, FakeItem("Emma", magnet=MAGNET)).magnet_url == MAGNET


def test_a_redirect_into_the_network_is_refused_unless_it_is_trusted(indexer: FakeTorznab) -> None:
    with Pages() as tracker:
        tracker.pages["/t"] = Reply(make_torrent())
        item = FakeItem("Emma", redirect=f"{tracker.url}/t")
        with pytest.raises(Rejected) as caught:
            fetched(indexer, item)
        assert caught.value.code == "address_refused"
        assert tracker.seen == []
        trusted = Guard(frozenset({f"127.0.0.1:{tracker.port}"}))
        assert fetched(indexer, item, guard=trusted).torrent == make_torrent()


@pytest.mark.parametrize(
    "item, kind, code",
    [
        (FakeItem("E", torrent=b"<html>login</html>"), Malformed, "upstream_error"),
        (FakeItem("E", torrent=b"nonsense"), Malformed, "bad_torrent"),
        (FakeItem("E", torrent=make_torrent()[:-3]), Malformed, "bad_torrent"),
        (FakeItem("E", torrent=make_torrent("Emma", {"a/../../x": b"1"})), Malformed, "bad_torrent"),
        (FakeItem("E", torrent=b"d" + b"1" * (11 * 1024 * 1024)), Malformed, "upstream_error"),
        (FakeItem("E", redirect="file:///etc/passwd"), Rejected, "address_refused"),
        (FakeItem("E", redirect="http://[bad"), Rejected, "address_refused"),
        (FakeItem("E", redirect=f"/dl/0?apikey={KEY}"), Malformed, "upstream_error"),
        (FakeItem("E", magnet="magnet:?dn=nothing"), Malformed, "bad_torrent"),
        (FakeItem("E", enclosure_type="application/x-nzb"), Rejected, "unsupported_protocol"),
    ],
)
def test_bad_downloads_have_names(
    indexer: FakeTorznab, item: FakeItem, kind: type[ExternalAPIError], code: str
) -> None:
    with pytest.raises(kind) as caught:
        fetched(indexer, item)
    assert caught.value.code == code
    assert KEY not in str(caught.value)


def test_a_vanished_release_is_said_to_be_gone(indexer: FakeTorznab) -> None:
    release = OfferedRelease("g", "t", download_url=f"{indexer.url}/dl/9?apikey={{api_key}}")
    with pytest.raises(Rejected) as caught:
        client(indexer).fetch(release)
    assert caught.value.code == "upstream_not_found"
