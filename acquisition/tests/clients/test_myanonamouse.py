"""MyAnonamouse over real HTTP: the cookie is kept, the pace is kept, refusals are told in words."""

import datetime
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from acquisition.clients.mam_items import names, series, size
from acquisition.clients.mam_session import MamSession
from acquisition.clients.myanonamouse import MyAnonamouseClient
from acquisition.domain.facts import OfferedRelease, SearchQuery
from acquisition.tests.fake_http import Reply
from acquisition.tests.fake_trackers import FakeMam, mam_row
from config.errors import ExternalAPIError, Malformed, Rejected, Unavailable

COOKIE = "first-cookie-value"
EMMA = SearchQuery(title="Emma: (a novel)", author="Austen")


@pytest.fixture
def server() -> Iterator[FakeMam]:
    with FakeMam(COOKIE) as fake:
        yield fake


def client(server: FakeMam, **options: object) -> MyAnonamouseClient:
    return MyAnonamouseClient(**{"cookie": COOKIE, "base_url": server.url, "pause_seconds": 0.0, **options})  # type: ignore[arg-type]


def one(server: FakeMam, member_class: str = "", **changes: object) -> OfferedRelease:
    server.rows = [mam_row(**changes)]
    (release,) = client(server, member_class=member_class).search(EMMA)
    return release


def test_reads_a_release(server: FakeMam) -> None:
    release = one(server)
    assert (release.guid, release.title) == ("123456", "Emma & Friends")
    assert release.authors == ("Jane Austen", "Else's Friend")
    assert (release.narrators, release.series, release.language) == (("Juliet Stevenson",), "The Austens #2", "ENG")
    assert (release.format, release.bitrate_kbps, release.runtime_seconds) == ("m4b", 64, 57720)
    assert (release.size_bytes, release.seeders, release.leechers, release.grabs) == (632430693, 8, 0, 55)
    assert release.published_at == datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.UTC)
    assert (release.minimum_seed_seconds, release.is_abridged) == (259200, False)
    assert release.info_url == f"{server.url}/t/123456"
    assert release.download_url == f"{server.url}/tor/download.php?tid=123456"


def test_asks_for_audiobooks_with_plain_words(server: FakeMam) -> None:
    client(server).search(EMMA)
    body = server.seen[0].body.decode()
    assert '"text": "Emma a novel Austen"' in body
    assert '"main_cat": ["13"]' in body
    assert "browse_lang" not in body
    assert "dlLink" not in body
    assert server.seen[0].headers["User-Agent"].startswith("Unabridged/")


def test_words_that_are_all_punctuation_ask_for_nothing(server: FakeMam) -> None:
    assert client(server).search(SearchQuery(text='"(|)-"')) == []
    assert server.seen == []


def test_pages_and_an_empty_answer(server: FakeMam) -> None:
    server.rows = [mam_row(id=number) for number in range(1, 6)]
    server.page_size = 2
    assert [release.guid for release in client(server).search(EMMA)] == ["1", "2", "3", "4", "5"]
    server.rows = []
    assert client(server).search(EMMA) == []


@pytest.mark.parametrize(
    "changes, member_class, factor, tags",
    [
        ({}, "VIP", 1.0, ()),
        ({"free": "1"}, "User", 0.0, ("freeleech",)),
        ({"personal_freeleech": True}, "User", 0.0, ("personal-freeleech",)),
        ({"fl_vip": 1, "vip": "yes"}, "User", 1.0, ("vip-freeleech", "vip")),
        ({"fl_vip": 1, "vip": 1}, "Elite VIP", 0.0, ("vip-freeleech", "vip")),
        ({"my_snatched": 1}, "", 1.0, ("snatched",)),
    ],
)
def test_what_is_free_for_whom(
    server: FakeMam, changes: dict[str, object], member_class: str, factor: float, tags: tuple[str, ...]
) -> None:
    release = one(server, member_class, **changes)
    assert (release.download_volume_factor, release.tags) == (factor, tags)


@pytest.mark.parametrize(
    "changes, abridged",
    [
        ({"browseflags": "32"}, True),
        ({"tags": "abridged"}, True),
        ({"tags": 1984}, None),
        ({"tags": "Unabridged"}, False),
    ],
)
def test_abridged(server: FakeMam, changes: dict[str, object], abridged: bool | None) -> None:
    assert one(server, **changes).is_abridged is abridged


def test_strange_rows_are_read_as_far_as_they_go(server: FakeMam) -> None:
    release = one(
        server,
        title=1984,
        author_info='{"1":"George "Eric" Orwell","2":"B"}',
        narrator_info="[]",
        series_info='{"1":["Big Brother"]}',
        size="3.7 GiB",
        mediainfo="{broken",
        added="yesterday",
        seeders=None,
    )
    assert (release.title, release.authors, release.narrators) == ("1984", ('George "Eric" Orwell', "B"), ())
    assert (release.series, release.size_bytes, release.seeders) == ("Big Brother", 3972844749, None)
    server.rows = [{"id": "x"}, {"title": "no id"}, "no row"]  # type: ignore[list-item]
    assert client(server).search(EMMA) == []


def test_nested_texts() -> None:
    assert names("") == names("[]") == names("{}") == names(None) == ()
    assert series('{"1":["A","1-3",null],"2":["B"]}') == "A #1-3"
    assert (size("632,430 B"), size("1.5 MB"), size(5)) == (632430, 1572864, 5)
    assert size("x") is size(",") is size("3 iB") is size("9" * 400) is None


# -- the session ------------------------------------------------------------------------------------------------------


def test_keeps_every_new_cookie_before_the_next_call(server: FakeMam) -> None:
    server.rotate = True
    kept: list[str] = []
    mam = client(server, on_cookie=kept.append)
    mam.search(EMMA)
    mam.account()
    mam.check()
    assert kept == ["rotated-cookie-1", "rotated-cookie-2", "rotated-cookie-3"]
    cookies = [request.headers["Cookie"] for request in server.seen]
    assert cookies == [f"mam_id={COOKIE}", "mam_id=rotated-cookie-1", "mam_id=rotated-cookie-2"]


@pytest.mark.parametrize("pasted", [f" mam_id={COOKIE}; ", COOKIE])
def test_takes_the_cookie_as_it_was_pasted(server: FakeMam, pasted: str) -> None:
    client(server, cookie=pasted).check()


@pytest.mark.parametrize("pasted", ["", "short", "two words here", "with\r\nX-Header: injected"])
def test_refuses_what_is_no_cookie(server: FakeMam, pasted: str) -> None:
    with pytest.raises(Rejected):
        client(server, cookie=pasted)


@pytest.mark.parametrize(
    "refusal, words",
    [
        ('{"Success":false,"msg":"Invalid session - IP mismatch"}', "another IP address"),
        ('{"msg":"Invalid session - ASN mismatch"}', "another network"),
        ('{"msg":"Incorrect session type - non-API session"}', "session of a browser"),
        ('{"msg":"Invalid session - Invalid Cookie"}', "not valid any more"),
        ("<html>forbidden</html>", "made for the address of this server"),
    ],
)
def test_a_refusal_is_told_in_words_and_without_the_cookie(server: FakeMam, refusal: str, words: str) -> None:
    server.cookie, server.refusal = "another-cookie", refusal
    with pytest.raises(Rejected) as caught:
        client(server).search(EMMA)
    assert caught.value.code == "credentials_refused"
    assert words in str(caught.value)
    assert COOKIE not in str(caught.value)
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "fault, kind, wait",
    [
        ("429", Unavailable, 7.0),
        ("500", Unavailable, None),
        ("refused", Unavailable, None),
        ("truncated", Unavailable, None),
        ("wrong_type", Malformed, None),
    ],
)
def test_faults_have_names(server: FakeMam, fault: str, kind: type[ExternalAPIError], wait: float | None) -> None:
    server.fault(fault)
    with pytest.raises(kind) as caught:
        client(server).search(EMMA)
    assert caught.value.retry_after == wait
    assert COOKIE not in f"{caught.value!r}{caught.value.context}"


def test_keeps_its_pace(server: FakeMam) -> None:
    pauses: list[float] = []
    session = MamSession("MAM", server.url, COOKIE, pause_seconds=2.0, sleep=pauses.append)
    session.call("GET", "/json/checkCookie.php")
    session.call("GET", "/json/checkCookie.php")
    assert len(pauses) == 1
    assert 1.5 < pauses[0] <= 2.0


def test_shows_no_cookie(server: FakeMam) -> None:
    mam = client(server)
    assert COOKIE not in f"{mam!r} {mam.session!r} {mam.search(EMMA)!r}"


# -- torrents and the account -----------------------------------------------------------------------------------------


def test_fetches_a_torrent_and_spends_a_wedge_only_when_told(server: FakeMam) -> None:
    mam = client(server)
    (release,) = mam.search(EMMA)
    assert mam.fetch(release).torrent == server.torrent
    assert "fl" not in server.seen[-1].query
    mam.fetch(release, spend_wedge=True)
    assert server.seen[-1].query["fl"] == [""]


@pytest.mark.parametrize(
    "body, kind, code",
    [
        (b"<html>You need to be <b>VIP</b> for this torrent</html>", Rejected, "download_refused"),
        (b"Error, you are not signed in <br />Other error", Rejected, "credentials_refused"),
        (b"d4:infodee", Malformed, "bad_torrent"),
    ],
)
def test_a_torrent_that_is_not_handed_out(
    server: FakeMam, body: bytes, kind: type[ExternalAPIError], code: str
) -> None:
    server.torrent = body
    mam = client(server)
    (release,) = mam.search(EMMA)
    with pytest.raises(kind) as caught:
        mam.fetch(release)
    assert caught.value.code == code


def test_the_account(server: FakeMam) -> None:
    account = client(server).account()
    assert (account.username, account.member_class, account.ratio) == ("reader", "VIP", 12.5)
    assert (account.bonus_points, account.wedges, account.is_connectable) == (99999, 3, True)
    assert (account.unsatisfied_count, account.unsatisfied_limit, account.hit_and_run_count) == (7, 150, 1)
    assert (account.uploaded_bytes, account.downloaded_bytes) == (5634997092352, 1000)
    assert account.vip_until == datetime.datetime(2027, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


def test_figures_that_are_not_given_are_unknown(server: FakeMam) -> None:
    server.account = {"username": "reader", "ratio": "∞", "unsat": None}
    account = client(server).account()
    assert (account.ratio, account.wedges, account.unsatisfied_limit, account.is_connectable) == (None,) * 4


def test_an_account_without_a_name_is_not_signed_in(server: FakeMam) -> None:
    server.account = {}
    with pytest.raises(Rejected) as caught:
        client(server).account()
    assert caught.value.code == "credentials_refused"


def test_a_redirect_is_not_followed(server: FakeMam) -> None:
    server._answer = lambda request: Reply(b"", 302, "", {"Location": "/login.php"})  # type: ignore[method-assign]
    with pytest.raises(Rejected) as caught:
        client(server).check()
    assert caught.value.code == "credentials_refused"
    assert len(server.seen) == 1


def test_workers_with_one_session_take_turns_and_use_the_newest_cookie(server: FakeMam, tmp_path: Path) -> None:
    """The tracker forgets the old value with each answer: a worker that would use it lost the session for all."""
    server.rotate, kept = True, [COOKIE]

    def search() -> int:
        worker = client(
            server, cookie=COOKIE, on_cookie=kept.append, newest_cookie=lambda: kept[-1], lock_path=tmp_path / "l" / "s"
        )
        return len(worker.search(SearchQuery(text="emma")))

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: search(), range(8)))
    assert found == [1] * 8
    assert kept[-1] == server.cookie


def test_another_process_that_called_just_now_is_waited_for(server: FakeMam, tmp_path: Path) -> None:
    waits: list[float] = []
    path = tmp_path / "session"
    path.write_text("called")
    worker = client(server, lock_path=path, pause_seconds=5.0)
    worker.session.sleep = waits.append
    worker.search(SearchQuery(text="emma"))
    assert len(waits) == 1
    assert 4 < waits[0] <= 5
