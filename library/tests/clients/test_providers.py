"""All catalogue providers by the same questions: what they find, what they do not, and how they fail."""

import datetime
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from config.errors import ExternalAPIError, Malformed, Rejected, Unavailable, ValidationError
from library.clients.abs_search import AudiobookshelfSearch
from library.clients.provider_base import FIND_AUTHOR_BOOKS, FIND_BOOKS, FIND_SERIES, GET_SERIES, Pace, Provider
from library.clients.providers import KNOWN_PROVIDERS, build_provider
from library.domain.facts import BookQuery, CatalogueBook, CatalogueProvider, Identifier, SeriesPlace
from library.tests.fake_audiobookshelf import API_KEY, FakeAudiobookshelf
from library.tests.fake_http import FakeServer, Fault, Reply, Request
from library.tests.fake_providers import (
    BASES,
    TOKEN,
    WORKS,
    FakeProviders,
    Work,
    audible_product,
    google_volume,
    itunes_row,
    librivox_book,
    many_works,
)

OZ_3 = WORKS[2]
CALM: dict[str, Any] = {"sleep": lambda seconds: None, "timeout": (5.0, 5.0), "deadline_seconds": 5.0}
HASTY: dict[str, Any] = {**CALM, "timeout": (0.05, 0.05), "deadline_seconds": 0.05}
PUBLIC = list(BASES)
WITH_AUTHORS = ["audible", "openlibrary", "google", "hardcover", "itunes", "librivox"]


@pytest.fixture(scope="module")
def _providers() -> Iterator[FakeProviders]:
    with FakeProviders() as server:
        yield server


@pytest.fixture(scope="module")
def _shelf() -> Iterator[FakeAudiobookshelf]:
    with FakeAudiobookshelf() as server:
        yield server


@pytest.fixture
def server(_providers: FakeProviders) -> FakeProviders:
    _providers.reset()
    return _providers


@pytest.fixture
def shelf(_shelf: FakeAudiobookshelf) -> FakeAudiobookshelf:
    _shelf.reset()
    _shelf.found_books = [found_by_audiobookshelf(OZ_3)]
    return _shelf


def found_by_audiobookshelf(work: Work) -> dict[str, Any]:
    return {
        "title": work.title,
        "subtitle": None,
        "author": f"{work.author}, Jay Rubin - translator",
        "narrator": work.narrator,
        "publisher": "Sample Press",
        "publishedYear": "2012",
        "description": f"<p>About {work.title}.</p>",
        "cover": "https://m.media-amazon.com/images/I/3.jpg",
        "asin": work.asin,
        "isbn": None,
        "genres": ["Fantasy"],
        "series": [{"series": "Oz", "sequence": "Book 3"}],
        "language": "English",
        "duration": work.minutes,
        "region": "us",
        "abridged": False,
    }


TOKENS = {"hardcover": TOKEN, "audiobookshelf": API_KEY}


def make(
    name: str, server: FakeServer, *, token: str = "", min_interval: float = 0, **options: Any
) -> CatalogueProvider:
    settings = {
        "base_url": server.url + BASES.get(name, ""),
        "token": token or TOKENS.get(name),
        "min_interval": min_interval,
    }
    return build_provider(name, settings, **{**CALM, **options})


def ask(provider: CatalogueProvider) -> list[CatalogueBook]:
    return provider.find_books(BookQuery(title="Ozma of Oz", author="L. Frank Baum"))


@pytest.fixture(params=[*PUBLIC, "audiobookshelf"])
def any_provider(
    request: Any, server: FakeProviders, shelf: FakeAudiobookshelf
) -> tuple[CatalogueProvider, FakeServer]:
    where: FakeServer = shelf if request.param == "audiobookshelf" else server
    return make(request.param, where), where


# --- What they find --------------------------------------------------------------------------------------------------


def test_a_book_is_found_by_title_and_author(any_provider: tuple[CatalogueProvider, FakeServer]) -> None:
    provider, _ = any_provider
    [book] = ask(provider)
    assert book.provider == provider.name
    assert book.provider_id
    assert book.title == "Ozma of Oz"
    assert book.authors == ("L. Frank Baum",)
    assert book.description in ("", "About Ozma of Oz.")
    assert book.cover_url.startswith("https://")
    assert book.raw
    assert all(place == SeriesPlace("Oz", "3") for place in book.series)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("audnexus", "series narrators language runtime_seconds release_date is_abridged published_year"),
        ("audible", "series narrators language runtime_seconds release_date is_abridged"),
        ("openlibrary", "series published_year"),
        ("google", "language published_year"),
        ("hardcover", "series runtime_seconds published_year"),
        ("itunes", "is_abridged release_date"),
        ("librivox", "narrators language runtime_seconds is_abridged published_year"),
        ("audiobookshelf", "series narrators language runtime_seconds is_abridged"),
    ],
)
def test_what_each_says_of_a_book(name: str, said: str, server: FakeProviders, shelf: FakeAudiobookshelf) -> None:
    wanted = {
        "series": (SeriesPlace("Oz", "3"),),
        "narrators": ("Test Narrator One",),
        "language": "en",
        "runtime_seconds": 18_000,
        "release_date": datetime.date(2012, 5, 4),
        "is_abridged": False,
        "published_year": 1907,
    }
    [book] = ask(make(name, shelf if name == "audiobookshelf" else server))
    assert {field: getattr(book, field) for field in said.split()} == {field: wanted[field] for field in said.split()}


@pytest.mark.parametrize(
    ("name", "identifier", "wanted"),
    [
        ("audnexus", Identifier("asin", OZ_3.asin.lower()), Identifier("asin", OZ_3.asin, "us")),
        ("audible", Identifier("asin", OZ_3.asin), Identifier("asin", OZ_3.asin, "us")),
        ("openlibrary", Identifier("isbn", OZ_3.isbn), Identifier("openlibrary", "OL3W")),
        ("openlibrary", Identifier("openlibrary", "OL3W"), Identifier("isbn", OZ_3.isbn)),
        ("openlibrary", Identifier("openlibrary", "OL3W"), Identifier("librivox", "3")),
        ("google", Identifier("isbn", "978-0000-0000-03"), Identifier("google", "v3")),
        ("hardcover", Identifier("asin", OZ_3.asin), Identifier("isbn", OZ_3.isbn)),
        ("hardcover", Identifier("isbn", OZ_3.isbn), Identifier("asin", OZ_3.asin)),
        ("itunes", Identifier("itunes", "900003"), Identifier("itunes", "900003")),
        ("librivox", Identifier("librivox", "3"), Identifier("archive", "oz03_librivox")),
    ],
)
def test_a_book_is_found_by_identifier(
    name: str, identifier: Identifier, wanted: Identifier, server: FakeProviders
) -> None:
    [book] = make(name, server).find_books(BookQuery(identifiers=[identifier]))
    assert book.title in ("Ozma of Oz",)
    assert wanted in book.identifiers


def test_audiobookshelf_is_asked_by_asin_in_its_region(shelf: FakeAudiobookshelf) -> None:
    provider = make("audiobookshelf", shelf)
    [book] = provider.find_books(BookQuery(title="Other", identifiers=[Identifier("asin", OZ_3.asin, "de")]))
    assert book.identifiers == (Identifier("asin", OZ_3.asin, "us"),)
    assert shelf.requests[-1].query == {"provider": "audible.de", "title": OZ_3.asin, "author": ""}


def test_an_unknown_book_is_an_empty_answer(any_provider: tuple[CatalogueProvider, FakeServer]) -> None:
    provider, where = any_provider
    if isinstance(where, FakeAudiobookshelf):
        where.found_books = []
    unknown = [Identifier("asin", "B000000000"), Identifier("isbn", "9789999999999"), Identifier("librivox", "999")]
    assert provider.find_books(BookQuery(title="No Such Book At All", author="Nobody", identifiers=unknown)) == []
    assert provider.find_books(BookQuery()) == []
    assert list(provider.find_author_books("Nobody At All")) == []
    assert provider.get_series("99999") is None
    assert provider.find_series("No Such Series") == []


def test_an_identifier_that_is_unknown_falls_back_to_the_title(server: FakeProviders) -> None:
    for name in PUBLIC:
        identifiers = [
            Identifier("asin", "B000000000"),
            Identifier("isbn", "9789999999999"),
            Identifier("librivox", "9"),
        ]
        [book] = make(name, server).find_books(BookQuery("Ozma of Oz", "L. Frank Baum", identifiers))
        assert book.title == "Ozma of Oz"


def test_capabilities_say_what_gives_anything(any_provider: tuple[CatalogueProvider, FakeServer]) -> None:
    provider, _ = any_provider
    gives = {
        FIND_BOOKS: bool(ask(provider)),
        FIND_SERIES: bool(provider.find_series("Oz", author="L. Frank Baum")),
        FIND_AUTHOR_BOOKS: bool(list(provider.find_author_books("L. Frank Baum"))),
    }
    series = provider.find_series("Oz")
    gives[GET_SERIES] = bool(series and provider.get_series(series[0].provider_id))
    assert {name for name, anything in gives.items() if anything} == provider.capabilities
    assert KNOWN_PROVIDERS[provider.name].capabilities == provider.capabilities


@pytest.mark.parametrize("author", ["Prolific WRITER", "Writer, Prolific"])
@pytest.mark.parametrize("name", WITH_AUTHORS)
def test_all_books_of_an_author_over_several_pages(name: str, author: str) -> None:
    works = [*many_works(130), Work(1, "By Another", "Prolific Writersson")]
    with FakeProviders(works) as server:
        titles = [book.title for book in make(name, server).find_author_books(author)]
        calls = len(server.requests)
    assert calls <= 5  # and it stops where there is no more
    assert len(titles) == len(set(titles))
    assert sorted(titles) == sorted(work.title for work in works[:-1])


@pytest.mark.parametrize("name", ["audible", "hardcover"])
def test_a_whole_series_in_its_order(name: str, server: FakeProviders) -> None:
    provider = make(name, server)
    [found] = provider.find_series("Oz", author="L. Frank Baum")
    series = provider.get_series(found.provider_id)
    assert series
    assert (series.name, series.authors) == ("Oz", ("L. Frank Baum",))
    positions = [entry.position for entry in series.entries]
    assert [one for one in positions if one.isdigit()] == ["1", "2", "3", "4", "5", "6"]
    [box] = [entry for entry in series.entries if entry.position == "1-3"]
    assert (box.book.title, box.book.kind) == ("The Oz Trilogy", "omnibus")


def test_a_long_series_is_filled_in_chunks_of_fifty() -> None:
    works = [Work(n, f"Title {n}", series="Long", position=str(n)) for n in range(1, 121)]
    with FakeProviders(works) as server:
        series = make("audible", server).get_series(works[0].series_asin)
        asked = [one.query["asins"].count(",") + 1 for one in server.requests if "asins" in one.query]
    assert series
    assert [entry.position for entry in series.entries] == [str(n) for n in range(1, 121)]
    assert asked == [50, 50, 20]


def test_a_member_that_the_shop_hides_keeps_its_place(server: FakeProviders) -> None:
    path = "/audible/com/1.0/catalog/products"
    server.replies[path] = Reply({"products": [audible_product(OZ_3)]})
    series = make("audible", server).get_series(OZ_3.series_asin)
    assert series
    assert [(entry.position, entry.book.title, bool(entry.book.narrators)) for entry in series.entries][2:4] == [
        ("3", "Ozma of Oz", True),
        ("4", "Dorothy and the Wizard in Oz", False),
    ]


def test_pages_of_google_that_overlap_give_each_volume_once() -> None:
    with FakeProviders(many_works(40)) as server:
        found = {"items": [google_volume(work) for work in server.works]}
        server.replies["/google/books/v1/volumes"] = Reply(found)
        assert len(list(make("google", server).find_author_books("Prolific Writer"))) == 40


def test_pages_of_audible_that_only_repeat_end_the_list() -> None:
    with FakeProviders(many_works(50)) as server:
        assert len(list(make("audible", server).find_author_books("Prolific Writer"))) == 50
        assert len(server.requests) == 2


def test_librivox_titles_lack_their_article(server: FakeProviders) -> None:
    provider = make("librivox", server)
    for title in ("The Wonderful Wizard of Oz", "Wonderful Wizard"):
        [book] = provider.find_books(BookQuery(title=title))
        assert book.provider_id == "1"


@pytest.mark.parametrize(
    ("author", "count"),
    [("Sir Arthur Conan Doyle", 2), ("Doyle, Arthur Conan", 2), ("A. C. Doyle", 2), ("Doyle", 2), ("Roddy Doyle", 0)],
)
def test_librivox_knows_last_names_only_so_first_names_are_compared_here(
    author: str, count: int, server: FakeProviders
) -> None:
    provider = make("librivox", server)
    assert len(list(provider.find_author_books(author))) == count
    found = provider.find_books(BookQuery("A Study in Scarlet", author))
    assert len(found) == min(count, 1)


def test_an_author_with_a_small_word_before_the_last_name() -> None:
    with FakeProviders([Work(1, "Bel Ami", "Guy de Maupassant")]) as server:
        row = librivox_book(server.works[0])
        row["authors"][0] |= {"first_name": "Guy", "last_name": "de Maupassant"}
        answers = {"de Maupassant": Reply({"books": [row]})}

        def answer(request: Request) -> Reply:
            return answers.get(request.query["author"], Reply({"error": "Audiobooks could not be found"}, 404))

        server.answer = answer  # type: ignore[method-assign]
        [book] = make("librivox", server).find_author_books("Guy de Maupassant")
    assert book.title == "Bel Ami"


def test_an_itunes_id_of_something_else_is_not_taken_for_the_book(server: FakeProviders) -> None:
    other = itunes_row(WORKS[0])
    server.replies["/itunes/lookup"] = Reply({"resultCount": 1, "results": [other]})
    query = BookQuery("Ozma of Oz", identifiers=[Identifier("itunes", "900003")])
    [book] = make("itunes", server).find_books(query)
    assert book.title == "Ozma of Oz"


@pytest.mark.parametrize("name", ["audnexus", "audible"])
def test_a_book_of_another_region(name: str, server: FakeProviders) -> None:
    german = next(work for work in WORKS if work.region == "de")
    query = BookQuery(identifiers=[Identifier("asin", german.asin, "de")])
    [book] = make(name, server).find_books(query)
    assert (book.region, book.language) == ("de", "de")
    assert book.identifiers[0] == Identifier("asin", german.asin, "de")


def test_audnexus_looks_in_the_other_regions_when_told_that_the_book_is_elsewhere(server: FakeProviders) -> None:
    german = next(work for work in WORKS if work.region == "de")
    [book] = make("audnexus", server).find_books(BookQuery(identifiers=[Identifier("asin", german.asin)]))
    assert book.region == "de"
    server.requests.clear()
    assert make("audnexus", server).find_books(BookQuery(identifiers=[Identifier("asin", "B000000000")])) == []
    assert len(server.requests) == 1


# --- How they fail ---------------------------------------------------------------------------------------------------

FAULTS = [
    (Fault("drop"), Unavailable, None),
    (Fault("slow", seconds=0.15), Unavailable, None),
    (Fault("drip", seconds=0.15), Unavailable, None),
    (Fault("truncated"), Unavailable, None),
    (Fault("status", status=401), Rejected, None),
    (Fault("status", status=429, headers={"Retry-After": "17"}), Unavailable, 17.0),
    (Fault("status", status=500), Unavailable, None),
    (Fault("status", status=503, headers={"Retry-After": "120"}), Unavailable, 120.0),
    (Fault("status", status=418), Rejected, None),
    (Fault("html"), Malformed, None),
    (Fault("half"), Malformed, None),
    (Fault("huge", size=33 * 1024 * 1024), Malformed, None),
]


@pytest.mark.parametrize(
    ("fault", "error", "wait"),
    FAULTS,
    ids=lambda value: f"{value.kind}{value.status}" if isinstance(value, Fault) else "",
)
def test_every_fault_has_a_name(
    any_provider: tuple[CatalogueProvider, FakeServer],
    fault: Fault,
    error: type[ExternalAPIError],
    wait: float | None,
) -> None:
    provider, where = any_provider
    if fault.kind in ("slow", "drip"):
        provider = make(provider.name, where, **HASTY)
    where.faults.append(fault)
    with pytest.raises(error) as caught:
        ask(provider)
    assert caught.value.retry_after == wait
    assert KNOWN_PROVIDERS[provider.name].title.split()[0] in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert API_KEY not in str(caught.value)


def test_nobody_is_listening() -> None:
    with FakeProviders() as server:
        pass
    for name in [*PUBLIC, "audiobookshelf"]:
        with pytest.raises(Unavailable, match="cannot be reached"):
            ask(make(name, server))


@pytest.mark.parametrize(
    ("name", "error", "wait"),
    [
        ("itunes", Unavailable, 60.0),
        ("google", Rejected, None),
        ("hardcover", Rejected, None),
        ("audible", Rejected, None),
    ],
)
def test_a_403_means_what_it_means_there(
    name: str, error: type[ExternalAPIError], wait: float | None, server: FakeProviders
) -> None:
    server.faults.append(Fault("status", status=403, body='{"error": {"errors": [{"reason": "forbidden"}]}}'))
    with pytest.raises(error) as caught:
        ask(make(name, server))
    assert caught.value.retry_after == wait


def test_a_service_without_keys_does_not_speak_of_credentials(server: FakeProviders) -> None:
    server.faults.append(Fault("status", status=403))
    for name in ("audible", "audnexus", "openlibrary", "librivox"):
        with pytest.raises(Rejected, match="turns this server away") as caught:
            ask(make(name, server))
        assert caught.value.code == "turned_away"


@pytest.mark.parametrize("status", [400, 403, 429])
def test_an_empty_quota_of_google_is_a_wait(status: int, server: FakeProviders) -> None:
    body = '{"error": {"errors": [{"domain": "usageLimits", "reason": "dailyLimitExceeded"}]}}'
    server.faults.append(Fault("status", status=status, body=body))
    with pytest.raises(Unavailable) as caught:
        ask(make("google", server))
    assert caught.value.retry_after == 3600


def test_audnexus_says_in_its_body_how_long_to_wait(server: FakeProviders) -> None:
    error = {"code": "RATE_LIMIT_EXCEEDED", "details": {"retryAfterSeconds": 42}}
    server.replies["/audnexus/books/search"] = Reply({"error": error}, 429)
    with pytest.raises(Unavailable) as caught:
        ask(make("audnexus", server))
    assert caught.value.retry_after == 42


@pytest.mark.parametrize(
    "reply",
    [
        Reply({"statusCode": 404, "error": "Not Found", "message": "Route not found"}, 404),
        Reply({"statusCode": 400, "error": "Bad Request", "message": "Bad ASIN"}, 400),
        Reply({"error": {"code": "CONTENT_TYPE_MISMATCH", "message": "is a podcast"}}, 400),
        Reply("Not here", 404),
    ],
)
def test_older_audnexus_servers_without_search(reply: Reply, server: FakeProviders) -> None:
    server.replies["/audnexus/books/search"] = reply
    server.replies["/audnexus/books/B000000000"] = reply
    query = BookQuery("Ozma of Oz", identifiers=[Identifier("asin", "B000000000")])
    assert make("audnexus", server).find_books(query) == []


def test_a_passing_fault_is_tried_once_more(server: FakeProviders) -> None:
    for name in PUBLIC:
        server.faults[:] = [Fault("status", status=503, times=1)]
        slept: list[float] = []
        [book] = ask(make(name, server, min_interval=7.0, sleep=slept.append))
        assert book.title == "Ozma of Oz"
        assert slept[0] == 1.0
        assert slept[1] == pytest.approx(7.0, abs=1.0)  # the pace is kept even then


def test_a_server_that_says_when_to_come_back_is_left_alone_until_then(server: FakeProviders) -> None:
    server.faults.append(Fault("status", status=503, headers={"Retry-After": "120"}))
    with pytest.raises(Unavailable):
        ask(make("audible", server))
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [[], "text", 7, None, {"unexpected": True}, {"books": 3, "docs": {}, "results": None}])
def test_json_of_another_shape_never_raises_anything_unnamed(body: Any) -> None:
    class Other(FakeServer):
        def answer(self, request: Any) -> Reply:
            return Reply(b"null" if body is None else body, content_type="application/json")

    with Other() as server:
        for name in [*PUBLIC, "audiobookshelf"]:
            provider = make(name, server)
            for question in (ask, lambda one: one.find_series("Oz"), lambda one: list(one.find_author_books("A B"))):
                assert answered(question, provider) in ([], "malformed")


def answered(question: Callable[[CatalogueProvider], list[Any]], provider: CatalogueProvider) -> Any:
    try:
        return question(provider)
    except Malformed:
        return "malformed"


def test_graphql_errors_come_with_status_200(server: FakeProviders) -> None:
    path = "/hardcover/v1/graphql"
    for message, error in (("field 'x' not found", Rejected), ("Query timeout exceeded", Unavailable)):
        server.replies[path] = Reply({"errors": [{"message": message}]})
        with pytest.raises(error, match=message):
            ask(make("hardcover", server))


def test_hardcover_without_a_token_says_where_to_get_one_and_asks_nobody(server: FakeProviders) -> None:
    with pytest.raises(ValidationError) as caught:
        build_provider("hardcover", {"base_url": server.base("hardcover")})
    assert caught.value.context["fields"]["token"]
    assert ask(make("hardcover", server, token=f"Bearer {TOKEN}"))
    with pytest.raises(Rejected, match="credentials"):
        ask(make("hardcover", server, token="wrong"))


# --- Manners ---------------------------------------------------------------------------------------------------------


def test_calls_keep_their_distance() -> None:
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(2.0, clock=lambda: now[0], sleep=sleep)
    pace.wait()
    now[0] += 0.5
    pace.wait()
    now[0] += 9
    pace.wait()
    assert slept == [1.5]


def test_every_provider_waits_between_its_calls(any_provider: tuple[CatalogueProvider, FakeServer]) -> None:
    slow, where = any_provider
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    provider = make(slow.name, where, min_interval=4.0, clock=lambda: now[0], sleep=sleep)
    for _ in range(3):
        ask(provider)
    assert slept == [4.0, 4.0]


def test_the_public_addresses_are_the_defaults() -> None:
    for name, info in KNOWN_PROVIDERS.items():
        settings = dict.fromkeys(info.required, "https://example.org")
        provider = build_provider(name, settings)
        assert isinstance(provider, Provider)
        assert provider.base_url.startswith("https://")
        assert provider.pace.seconds >= 0.4
        assert "https" in repr(provider)
        assert info.gives.endswith(".")


@pytest.mark.parametrize(
    ("name", "settings", "field"),
    [
        ("nonsense", {}, "name"),
        ("audnexus", {"region": "br"}, "region"),
        ("audible", {"region": "mars"}, "region"),
        ("openlibrary", {"api_key": "x"}, "api_key"),
        ("google", {"min_interval": -1}, "min_interval"),
        ("google", {"min_interval": "often"}, "min_interval"),
        ("hardcover", {"token": ""}, "token"),
        ("audiobookshelf", {}, "base_url"),
        ("openlibrary", {"base_url": "openlibrary.org"}, "base_url"),
        ("hardcover", {"token": 7}, "token"),
        ("audible", {"region": ["us"]}, "region"),
    ],
)
def test_settings_that_are_wrong_are_named(name: str, settings: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        build_provider(name, settings)
    assert field in caught.value.context["fields"]


def test_secrets_stay_out_of_sight(server: FakeProviders) -> None:
    for name in ("google", "hardcover"):
        secret = {"google": "api_key", "hardcover": "token"}[name]
        provider = build_provider(
            name, {"base_url": server.base(name), secret: "very-secret", "min_interval": 0}, **CALM
        )
        assert "very-secret" not in repr(provider)
        server.faults[:] = [Fault("status", status=500)]
        with pytest.raises(Unavailable) as caught:
            ask(provider)
        assert "very-secret" not in f"{caught.value} {caught.value.context} {caught.value.__cause__}"


def test_books_are_drawn_page_by_page() -> None:
    """Who wants ten books of an author does not fetch all of them."""
    with FakeProviders(many_works(300)) as server:
        books = iter(make("audible", server).find_author_books("Prolific Writer"))
        for _ in range(10):
            next(books)
        assert len(server.requests) == 1


def test_the_search_of_audiobookshelf_tells_of_refused_keys(shelf: FakeAudiobookshelf) -> None:
    provider = AudiobookshelfSearch(shelf.url, token="wrong", **CALM)
    with pytest.raises(Rejected, match="API key"):
        ask(provider)
