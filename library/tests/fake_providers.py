"""Fake catalogue providers on one HTTP server: the same works, each in the shape of its provider.

    with FakeProviders() as server:
        Audible(server.base("audible"))

    python -m library.tests.fake_providers --port 13400

`replies` answers a path by hand (for odd payloads); `faults` are those of fake_http. Shapes are those of the providers'
documentation and recorded answers; narrators, ASINs and ISBNs are invented.
"""

import argparse
import itertools
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from library.tests.fake_http import FakeServer, Reply, Request

BASES = {
    "audnexus": "/audnexus",
    "audible": "/audible/{tld}",
    "openlibrary": "/openlibrary",
    "google": "/google",
    "hardcover": "/hardcover",
    "itunes": "/itunes",
    "librivox": "/librivox",
}
TOKEN = "fake-hardcover-token"
OZ_TITLES = (
    ("The Wonderful Wizard of Oz", 1900),
    ("The Marvelous Land of Oz", 1904),
    ("Ozma of Oz", 1907),
    ("Dorothy and the Wizard in Oz", 1908),
    ("The Road to Oz", 1909),
    ("The Emerald City of Oz", 1910),
)


@dataclass(frozen=True)
class Work:
    """A work and one recording of it."""

    number: int
    title: str
    author: str = "L. Frank Baum"
    year: int = 1900
    series: str = ""
    position: str = ""
    narrator: str = "Test Narrator One"
    language: str = "english"
    minutes: int = 300
    released: str = "2012-05-04"
    region: str = "us"
    delivery: str = "SinglePartBook"

    @property
    def asin(self) -> str:
        return f"B0FAKE{self.number:04d}"

    @property
    def isbn(self) -> str:
        return f"978000000{self.number:04d}"

    @property
    def series_asin(self) -> str:
        return "B0SER" + f"{sum(self.series.encode()) % 100_000:05d}"

    @property
    def series_id(self) -> int:
        return sum(self.series.encode()) % 100_000

    @property
    def author_id(self) -> int:
        return sum(self.author.encode()) % 100_000


WORKS = (
    *(Work(n, title, year=year, series="Oz", position=str(n)) for n, (title, year) in enumerate(OZ_TITLES, 1)),
    Work(50, "The Oz Trilogy", series="Oz", position="1-3", year=1907, minutes=900),
    Work(51, "Der Zauberer von Oz", series="Oz", position="1", language="german", region="de"),
    Work(60, "A Study in Scarlet", "Arthur Conan Doyle", 1887, "Sherlock Holmes", "1"),
    Work(61, "The Sign of the Four", "Arthur Conan Doyle", 1890, "Sherlock Holmes", "2"),
)
SIGNS = {"us": "com", "uk": "co.uk", "de": "de", "fr": "fr"}
CODES = {"english": ("en", "eng"), "german": ("de", "ger")}


def words_in(query: str, *texts: str) -> bool:
    """Whether every word asked for is somewhere in the texts."""
    held = " ".join(texts).casefold()
    return all(word in held for word in re.findall(r"\w+", query.casefold()))


class FakeProviders(FakeServer):
    def __init__(self, works: Iterable[Work] = WORKS, *, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(host=host, port=port)
        self.works = tuple(works)
        self.replies: dict[str, Reply] = {}

    def reset(self) -> None:
        super().reset()
        self.replies.clear()

    def base(self, name: str) -> str:
        """The base URL to give to the provider of that name."""
        return self.url + BASES[name]

    def answer(self, request: Request) -> Reply:
        if request.path in self.replies:
            return self.replies[request.path]
        _, name, *rest = request.path.split("/")
        door = getattr(self, f"_{name}", None) if name in BASES else None
        return door(request, rest) if door else Reply("Not Found", 404)

    def _of_author(self, name: str) -> list[Work]:
        return [work for work in self.works if words_in(name, work.author)]

    # --- Audnexus -----------------------------------------------------------------------------------------------------

    def _audnexus(self, request: Request, rest: list[str]) -> Reply:
        region = request.query.get("region", "us")
        if rest == ["books", "search"]:
            q = request.query.get("q", "")
            found = [work for work in self.works if work.region == region and words_in(q, work.title, work.author)]
            return Reply([audnexus_book(work) for work in found[:10]])
        work = next((one for one in self.works if rest == ["books", one.asin]), None)
        if not work:
            return Reply({"error": {"code": "NOT_FOUND", "message": "Item not found", "details": None}}, 404)
        if work.region != region:
            message = f"Item not available in region '{region}'"
            return Reply({"error": {"code": "REGION_UNAVAILABLE", "message": message, "details": None}}, 404)
        return Reply(audnexus_book(work))

    # --- Audible ------------------------------------------------------------------------------------------------------

    def _audible(self, request: Request, rest: list[str]) -> Reply:
        tld, *path = rest
        here = [work for work in self.works if SIGNS.get(work.region) == tld]
        if path == ["1.0", "catalog", "products"]:
            return self._audible_search(request, here)
        asin = path[-1]
        series = [work for work in here if work.series and work.series_asin == asin]
        if series:
            return Reply({"product": audible_series(series), "response_groups": ["always-returned"]})
        product = next((audible_product(work) for work in here if work.asin == asin), {"asin": asin})
        return Reply({"product": product, "response_groups": ["always-returned"]})

    def _audible_search(self, request: Request, here: list[Work]) -> Reply:
        query = request.query
        if "asins" in query:
            asins = query["asins"].split(",")
            if len(asins) > 50:
                return Reply({"message": "Too many asins"}, 400)
            known = {work.asin: audible_product(work) for work in here}
            products = [known.get(asin, {"asin": asin}) for asin in asins]
            return Reply({"products": products, "response_groups": ["always-returned"]})
        found = [
            work
            for work in here
            if words_in(query.get("title", ""), work.title)
            and words_in(query.get("author", ""), work.author)
            and words_in(query.get("keywords", ""), work.title, work.author, work.series)
        ]
        size, page = int(query.get("num_results", 10)), int(query.get("page", 0))
        # Beyond the end the shop repeats its last page.
        pages = [found[start : start + size] for start in range(0, len(found), size)] or [[]]
        products = [audible_product(work) for work in pages[min(page, len(pages) - 1)]]
        return Reply({"products": products, "total_results": len(found) * 2, "response_groups": ["always-returned"]})

    # --- Open Library -------------------------------------------------------------------------------------------------

    def _openlibrary(self, request: Request, rest: list[str]) -> Reply:
        query = request.query
        if rest == ["search", "authors.json"]:
            authors = {work.author: work for work in self._of_author(query.get("q", ""))}
            docs = [
                {"key": f"OL{work.author_id}A", "name": name, "alternate_names": [], "work_count": 14, "type": "author"}
                for name, work in authors.items()
            ]
            return Reply({"numFound": len(docs), "start": 0, "numFoundExact": True, "docs": docs})
        found = [
            work
            for work in self.works
            if words_in(query.get("title", ""), work.title)
            and words_in(query.get("author", ""), work.author)
            and query.get("isbn", work.isbn) == work.isbn
            and query.get("author_key", f"OL{work.author_id}A") == f"OL{work.author_id}A"
            and query.get("q", f"key:/works/OL{work.number}W") == f"key:/works/OL{work.number}W"
            and query.get("language", CODES[work.language][1]) == CODES[work.language][1]
        ]
        size, page = int(query.get("limit", 100)), int(query.get("page", 1))
        docs = [openlibrary_doc(work) for work in found[(page - 1) * size : page * size]]
        return Reply({"numFound": len(found), "start": (page - 1) * size, "numFoundExact": True, "docs": docs})

    # --- Google Books -------------------------------------------------------------------------------------------------

    def _google(self, request: Request, rest: list[str]) -> Reply:
        q = request.query.get("q", "")
        said = dict(re.findall(r'(\w+):"?([^"]*?)"?(?=\s+\w+:|$)', q))
        found = [
            work
            for work in self.works
            if words_in(said.get("intitle", ""), work.title)
            and words_in(said.get("inauthor", ""), work.author)
            and said.get("isbn", work.isbn) == work.isbn
            and request.query.get("langRestrict", CODES[work.language][0]) == CODES[work.language][0]
        ]
        start, size = int(request.query.get("startIndex", 0)), int(request.query.get("maxResults", 10))
        items = [google_volume(work) for work in found[start : start + size]]
        shape = {"kind": "books#volumes", "totalItems": len(found)}
        return Reply({**shape, "items": items} if items else shape)

    # --- Hardcover ----------------------------------------------------------------------------------------------------

    def _hardcover(self, request: Request, rest: list[str]) -> Reply:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return Reply({"error": "invalid_token"}, 401)
        question, given = request.json["query"], request.json["variables"]
        if "query Editions" in question:
            field = re.search(r"where: \{(\w+):", question)
            held = {"asin": "asin", "isbn_13": "isbn", "isbn_10": "isbn"}[field[1] if field else ""]
            found = [work for work in self.works if getattr(work, held) == given["value"]]
            return Reply({"data": {"editions": [hardcover_edition(work) for work in found]}})
        if "query Series" in question:
            members = [work for work in self.works if work.series and work.series_id == given["id"]]
            return Reply({"data": {"series_by_pk": hardcover_series(members) if members else None}})
        if "query AuthorBooks" in question:
            found = [work for work in self.works if work.author_id == given["id"]]
            found = found[given["offset"] : given["offset"] + given["limit"]]
            return Reply({"data": {"contributions": [{"book": hardcover_book(work)} for work in found]}})
        return Reply({"data": {"search": {"results": self._typesense(given["words"], given["kind"])}}})

    def _typesense(self, words: str, kind: str) -> dict[str, Any]:
        documents: dict[int, dict[str, Any]] = {}
        for work in self.works:
            if kind == "Book" and words_in(words, work.title, work.author):
                documents[work.number] = hardcover_document(work)
            elif kind == "Series" and work.series and words_in(words, work.series):
                documents[work.series_id] = {
                    "id": str(work.series_id), "name": work.series, "author_name": work.author, "books_count": 40
                }  # fmt: skip
            elif kind == "Author" and words_in(words, work.author):
                documents[work.author_id] = {"id": str(work.author_id), "name": work.author, "alternate_names": []}
        hits = [{"document": one, "text_match": 1} for one in documents.values()]
        return {"found": len(hits), "hits": hits, "page": 1}

    # --- iTunes -------------------------------------------------------------------------------------------------------

    def _itunes(self, request: Request, rest: list[str]) -> Reply:
        query = request.query
        rows: list[dict[str, Any]] = []
        if rest == ["lookup"]:
            for identity in query["id"].split(","):
                rows += [itunes_row(work) for work in self.works if str(900_000 + work.number) == identity]
                by_author = [work for work in self.works if str(work.author_id) == identity]
                if by_author and query.get("entity") == "audiobook":
                    artist = {"wrapperType": "artist", "artistType": "Author", "artistName": by_author[0].author}
                    rows += [{**artist, "artistId": by_author[0].author_id}, *map(itunes_row, by_author)]
        elif query.get("entity") == "audiobookAuthor":
            authors = {work.author: work.author_id for work in self._of_author(query["term"])}
            rows = [{"wrapperType": "artist", "artistName": name, "artistId": one} for name, one in authors.items()]
        else:
            rows = [itunes_row(work) for work in self.works if words_in(query["term"], work.title, work.author)]
        shape = {"resultCount": len(rows), "results": rows}
        return Reply(Reply(shape).encoded()[0], content_type="text/javascript; charset=utf-8")

    # --- LibriVox -----------------------------------------------------------------------------------------------------

    def _librivox(self, request: Request, rest: list[str]) -> Reply:
        query = request.query
        found = [
            work
            for work in self.works
            if query.get("id", str(work.number)) == str(work.number)
            and work.title.removeprefix("The ")
            .casefold()
            .startswith(query.get("title", "").removeprefix("^").casefold())
            and query.get("author", work.author.split()[-1]).casefold() == work.author.split()[-1].casefold()
        ]
        start, size = int(query.get("offset", 0)), int(query.get("limit", 50))
        found = found[start : start + size]
        if not found:
            return Reply({"error": "Audiobooks could not be found"}, 404)
        return Reply({"books": [librivox_book(work) for work in found]})


# --- Shapes ---------------------------------------------------------------------------------------------------------


def audnexus_book(work: Work) -> dict[str, Any]:
    series = {"asin": work.series_asin, "name": work.series, "position": work.position}
    return {
        "asin": work.asin,
        "authors": [{"asin": "B000AP9A6K", "name": work.author}],
        "copyright": work.year,
        "description": f"About {work.title}.",
        "formatType": "unabridged",
        "genres": [
            {"asin": "18572091011", "name": "Children's Audiobooks", "type": "genre"},
            {"asin": "18572092011", "name": "Classics", "type": "tag"},
        ],
        "image": f"https://m.media-amazon.com/images/I/{work.number}.jpg",
        "isAdult": False,
        "isbn": work.isbn,
        "language": work.language,
        "literatureType": "fiction",
        "narrators": [{"name": work.narrator}],
        "publisherName": "Sample Press",
        "rating": "4.8",
        "region": work.region,
        "releaseDate": f"{work.released}T00:00:00.000Z",
        "runtimeLengthMin": work.minutes,
        **({"seriesPrimary": series} if work.series else {}),
        "summary": f"<p>About <b>{work.title}</b>.</p>",
        "title": work.title,
    }


def audible_product(work: Work) -> dict[str, Any]:
    url = f"/pd/{work.series_asin}"
    series = {"asin": work.series_asin, "title": work.series, "sequence": work.position, "url": url}
    return {
        "asin": work.asin,
        "authors": [{"asin": "B000AP9A6K", "name": work.author}],
        "category_ladders": [{"ladder": [{"id": "1", "name": "Children's Audiobooks"}], "root": "Genres"}],
        "content_delivery_type": work.delivery,
        "content_type": "Product",
        "format_type": "unabridged",
        "is_adult_product": False,
        "is_listenable": True,
        "issue_date": work.released,
        "language": work.language,
        "merchandising_summary": f"About {work.title}.",
        "narrators": [{"name": work.narrator}],
        "product_images": {"500": f"https://m.media-amazon.com/images/I/{work.number}._SL500_.jpg"},
        "publication_datetime": f"{work.released}T00:00:00Z",
        "publication_name": work.series or None,
        "publisher_name": "Sample Press",
        "publisher_summary": f"<p>About <b>{work.title}</b>.</p>",
        "release_date": work.released,
        "runtime_length_min": work.minutes,
        "series": [series] if work.series else None,
        "sku_lite": f"BK_FAKE_{work.number:06d}",
        "title": work.title,
    }


def audible_series(members: list[Work]) -> dict[str, Any]:
    relationships = [
        {
            "asin": work.asin,
            "relationship_to_product": "child",
            "relationship_type": "series",
            "sequence": work.position,
            "sort": str(place),
            "title": work.title,
            "url": f"/pd/{work.asin}",
        }
        for place, work in enumerate(members, 1)
    ]
    return {
        "asin": members[0].series_asin,
        "content_delivery_type": "BookSeries",
        "title": members[0].series,
        # The order of the answer is not that of the series.
        "relationships": relationships[::-1],
    }


def openlibrary_doc(work: Work) -> dict[str, Any]:
    return {
        "key": f"/works/OL{work.number}W",
        "title": work.title,
        "author_name": [work.author],
        "author_key": [f"OL{work.author_id}A"],
        "first_publish_year": work.year,
        "cover_i": 8_000_000 + work.number,
        "language": [CODES[work.language][1], "fre"] if work.number % 2 else [CODES[work.language][1]],
        "isbn": [work.isbn, "0000000000"],
        "publisher": ["Sample Press", "Another Press"],
        "subject": ["Fantasy", "Fiction"],
        **({"series_name": [work.series], "series_position": [work.position]} if work.series else {}),
        "id_librivox": [str(work.number)],
    }


def google_volume(work: Work) -> dict[str, Any]:
    image = f"http://books.google.com/books/content?id=v{work.number}&printsec=frontcover&img=1&zoom=1&edge=curl"
    return {
        "kind": "books#volume",
        "id": f"v{work.number}",
        "etag": "x",
        "volumeInfo": {
            "title": work.title,
            "authors": [work.author],
            "publisher": "Sample Press",
            "publishedDate": f"{work.year}-05",
            "description": f"<p>About {work.title}.</p>",
            "industryIdentifiers": [
                {"type": "ISBN_13", "identifier": work.isbn},
                {"type": "OTHER", "identifier": "X1"},
            ],
            "printType": "BOOK",
            "categories": ["Fiction"],
            "imageLinks": {"smallThumbnail": image, "thumbnail": image},
            "language": CODES[work.language][0],
        },
    }


def hardcover_book(work: Work) -> dict[str, Any]:
    series = {"id": work.series_id, "name": work.series}
    place = {"position": _float(work.position), "details": work.position, "featured": True, "series": series}
    return {
        "id": work.number,
        "title": work.title,
        "subtitle": None,
        "description": f"About {work.title}.",
        "audio_seconds": work.minutes * 60,
        "release_date": f"{work.year}-01-01",
        "release_year": work.year,
        "compilation": "-" in work.position,
        "book_category_id": 1,
        "canonical_id": None,
        "contributions": [{"contribution": None, "author": {"name": work.author}}],
        "book_series": [place] if work.series else [],
        "image": {"url": f"https://assets.hardcover.app/{work.number}.jpg"},
    }


def hardcover_edition(work: Work) -> dict[str, Any]:
    return {
        "id": 500 + work.number,
        "asin": work.asin,
        "isbn_10": None,
        "isbn_13": work.isbn,
        "title": work.title,
        "subtitle": None,
        "audio_seconds": work.minutes * 60,
        "edition_format": "Audible, unabridged",
        "reading_format_id": 2,
        "release_date": work.released,
        "language": {"code2": CODES[work.language][0], "code3": CODES[work.language][1], "language": work.language},
        "publisher": {"name": "Sample Press"},
        "contributions": [
            {"contribution": None, "author": {"name": work.author}},
            {"contribution": "Narrator", "author": {"name": work.narrator}},
        ],
        "image": None,
        "book": hardcover_book(work),
    }


def hardcover_series(members: list[Work]) -> dict[str, Any]:
    rows = [
        {
            "position": _float(work.position),
            "details": work.position,
            "featured": True,
            "compilation": "-" in work.position,
            "book": hardcover_book(work),
        }
        for work in members
    ]
    rows.sort(key=lambda row: (row["position"] is None, row["position"]))
    first = members[0]
    return {
        "id": first.series_id,
        "name": first.series,
        "slug": "x",
        "primary_books_count": 14,
        "is_completed": True,
        "author": {"name": first.author},
        "book_series": rows,
    }


def hardcover_document(work: Work) -> dict[str, Any]:
    return {
        "id": str(work.number),
        "title": work.title,
        "author_names": [work.author],
        "audio_seconds": work.minutes * 60,
        "has_audiobook": True,
        "compilation": False,
        "featured_series": {"position": _float(work.position), "series": {"id": work.series_id, "name": work.series}},
        "featured_series_position": _float(work.position),
        "series_names": [work.series] if work.series else [],
        "isbns": [work.isbn],
        "release_year": work.year,
        "slug": "x",
        "genres": ["Fantasy"],
        "image": {"url": f"https://assets.hardcover.app/{work.number}.jpg"},
    }


def itunes_row(work: Work) -> dict[str, Any]:
    return {
        "wrapperType": "audiobook",
        "artistId": work.author_id,
        "collectionId": 900_000 + work.number,
        "artistName": work.author,
        "collectionName": f"{work.title} (Unabridged)",
        "collectionCensoredName": f"{work.title} (Unabridged)",
        "artworkUrl100": f"https://is1-ssl.mzstatic.com/image/thumb/Music/{work.number}.jpg/100x100bb.jpg",
        "collectionPrice": 9.99,
        "country": "USA",
        "currency": "USD",
        "releaseDate": f"{work.released}T07:00:00Z",
        "primaryGenreName": "Kids & Young Adults",
        "description": f"About {work.title}.",
    }


def librivox_book(work: Work) -> dict[str, Any]:
    first, _, last = work.author.rpartition(" ")
    archive = f"oz{work.number:02d}_librivox"
    reader = {"reader_id": "1", "display_name": work.narrator}
    sections = [
        {"id": str(n), "section_number": str(n), "title": f"Chapter {n}", "playtime": "600", "readers": [reader]}
        for n in (2, 1)
    ]
    return {
        "id": str(work.number),
        "title": work.title.removeprefix("The "),
        "description": f"<p>About {work.title}.</p>",
        "url_text_source": "",
        "language": work.language.capitalize(),
        "copyright_year": str(work.year),
        "num_sections": "2",
        "url_zip_file": f"https://archive.org/compress/{archive}/formats=64KBPS MP3&file=/{archive}.zip",
        "url_librivox": f"https://librivox.org/{archive}",
        "totaltime": "5:00:00",
        "totaltimesecs": work.minutes * 60,
        "authors": [{"id": str(work.author_id), "first_name": first, "last_name": last, "dob": "1856", "dod": "1919"}],
        "url_iarchive": f"https://archive.org/details/{archive}",
        "sections": sections,
        "genres": [{"id": "1", "name": "Children's Fiction"}],
        "translators": [],
        "coverart_jpg": f"https://archive.org/download/{archive}/cover.jpg",
    }


def _float(position: str) -> float | None:
    found = re.fullmatch(r"\d+(?:\.\d+)?", position)
    return float(position) if found else None


def many_works(count: int, author: str = "Prolific Writer") -> list[Work]:
    """So many works of one author, five to a series."""
    return [
        Work(n, f"Title {n:04d}", author, series=f"Series {n // 5:03d}", position=str(n % 5 + 1))
        for n in itertools.islice(itertools.count(100), count)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Fake catalogue providers.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=13400)
    given = parser.parse_args()
    with FakeProviders(host=given.host, port=given.port) as server:
        for name in BASES:
            print(f"{name}: {server.base(name)}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("Stopped.")


if __name__ == "__main__":
    main()
