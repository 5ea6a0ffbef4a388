"""The Audiobookshelf client: what is there, what has changed, and "please scan". It never writes to the library.

Protocol: the server's own source from 2.8 to 2.36; checked against recordings of a real 2.36.0.
"""

import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import requests

from config.errors import Malformed, Rejected
from config.http import Http
from library.clients.audiobookshelf.items import (
    ItemReader,
    item_id,
    listing_of,
    no_such_library,
    not_audiobookshelf,
    relative_path,
)
from library.clients.audiobookshelf.mapping import copy_of_item
from library.clients.audiobookshelf.session import SERVICE, AbsSession
from library.clients.audiobookshelf.shapes import (
    FIRST_WITH_API_KEYS,
    AbsHealth,
    AbsLibrary,
    AbsStatus,
    AbsUser,
    SeenItem,
    version_numbers,
)
from library.clients.json_values import boolean, mapping, mappings, moment_of_ms, text, texts, values_of
from library.domain.facts import CopyFacts

POLL_SECONDS = 2.0
QUIET_POLLS = 5  # polls without a sign of the scan that was asked for, after which it is taken as done
SLOW_SECONDS = 5.0


class AudiobookshelfClient:
    """A server at `base_url` (its path is kept, so a reverse proxy's prefix works).

    Give `token` (an API key, an access token with its `refresh_token`, or the old user token) or `username` and
    `password`. `on_tokens(access, refresh)` is called with every new pair, which the caller must keep: the old refresh
    token stops working. All methods raise Unavailable, Rejected or Malformed. Not for use by several threads at once.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str = "",
        refresh_token: str = "",
        username: str = "",
        password: str = "",
        on_tokens: Callable[[str, str], None] | None = None,
        timeout: tuple[float, float] = (5.0, 30.0),
        deadline_seconds: float = 120.0,
        verify_certificate: bool = True,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        session = requests.Session()
        session.verify = verify_certificate
        self.http = Http(
            SERVICE,
            base_url,
            headers={"Accept": "application/json"},
            timeout=timeout,
            deadline_seconds=deadline_seconds,
            session=session,
            clock=clock,
        )
        self._session = AbsSession(
            self.http,
            token=token,
            refresh_token=refresh_token,
            username=username,
            password=password,
            on_tokens=on_tokens,
            sleep=sleep,
        )
        self._clock = clock
        self._last_scans: dict[str, object] = {}

    def __repr__(self) -> str:
        return f"AudiobookshelfClient({self.http.base_url!r})"

    def close(self) -> None:
        self.http.close()

    # --- Is it there, and who are we --------------------------------------------------------------------------------

    def status(self) -> AbsStatus:
        """What the server says without credentials."""
        shape = mapping(self.http.get("/status").json())
        if "isInit" not in shape:
            raise Malformed(
                f"Something answers at {self.http.base_url}, but it is not {SERVICE}. Check the address and the port.",
                service=SERVICE,
            )
        return AbsStatus(
            version=text(shape.get("serverVersion")),
            is_initialised=shape.get("isInit") is not False,
            auth_methods=texts(shape.get("authMethods")),
        )

    def check(self) -> AbsHealth:
        """Whether everything works that the product needs; what will not work is in `warnings`."""
        started = self._clock()
        status = self.status()
        if not status.is_initialised:
            raise Rejected(
                f"{SERVICE} at {self.http.base_url} is not set up yet. Open it in a browser and make its first user.",
                service=SERVICE,
                code="not_initialised",
            )
        shape = mapping(self._session.call("POST", "/api/authorize", json={}).json())
        user = _user(mapping(shape.get("user")))
        version = status.version or text(mapping(shape.get("serverSettings")).get("version"))
        libraries = self.libraries()
        warnings = [
            *_version_warnings(version),
            *_user_warnings(user, libraries),
            *(warning for library in libraries for warning in self._library_warnings(library)),
        ]
        elapsed = self._clock() - started
        if elapsed > SLOW_SECONDS:
            warnings.append(
                f"The server is slow: this check took {elapsed:.0f} seconds. Large libraries will take long."
            )
        return AbsHealth(version, user, tuple(libraries), tuple(warnings))

    def _library_warnings(self, library: AbsLibrary) -> Iterator[str]:
        """A user without rights to any library sees all of them listed, and is refused at each."""
        answer = self._session.call(
            "GET", f"/api/libraries/{library.id}/items", params={"limit": 1}, accept=(200, 403, 404)
        )
        if answer.status != 200:
            yield f"The library “{library.name}” cannot be read by this user. Give the user access to it."
        elif library.last_scan is None and not listing_of(answer)[1]:
            yield f"The library “{library.name}” was never scanned and is empty. Scan it in Audiobookshelf."

    # --- Libraries and items ------------------------------------------------------------------------------------------

    def libraries(self) -> list[AbsLibrary]:
        """The libraries of books that this user is shown; libraries of podcasts are left out."""
        answer = self._session.call("GET", "/api/libraries", attempts=3)
        rows = mapping(answer.json()).get("libraries")
        if not isinstance(rows, list):
            raise not_audiobookshelf("libraries")
        return [_library(row) for row in mappings(rows) if row.get("mediaType") == "book"]

    def iter_items(
        self,
        library_id: str,
        *,
        page_size: int = 200,
        known: Mapping[str, int] | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Iterator[SeenItem | CopyFacts]:
        """Every item of a library once: `SeenItem` where `known[item_id]` is its `updatedAt` (ms), else `CopyFacts`.

        Items are fetched as the iterator is drawn from; at most one page and one chunk of them is held. When the
        iterator ends by itself, every item that the server has was given. If that cannot be said, it raises
        (Unavailable `listing_changed`, Malformed `listing_incomplete`) at the end, so that an incomplete list is never
        taken for a deletion. An empty library gives nothing: whether that is an outage is for the caller to judge.
        `on_progress(done, total)` is called after each page.
        """
        return ItemReader(
            self._session, quote(library_id, safe=""), page_size=page_size, known=known or {}, on_progress=on_progress
        ).read()

    def get_item(self, item_id: str) -> CopyFacts | None:
        """One item; None when the server has it no more."""
        answer = self._session.call(
            "GET", f"/api/items/{quote(item_id, safe='')}", params={"expanded": 1}, accept=(200, 404), attempts=2
        )
        if answer.status == 404:
            return None
        item = mapping(answer.json())
        if not text(item.get("id")):
            raise not_audiobookshelf("items")
        return copy_of_item(item)

    def find_item_by_path(
        self, library_id: str, rel_path: str, *, newest: int | None = None, page_size: int = 200
    ) -> CopyFacts | None:
        """The item at a path relative to the library's folder; None when there is none.

        The server cannot filter by path, so the items are walked, the newest first; `newest` bounds how many.
        """
        wanted = _same_path(rel_path.strip("/"))
        reader = ItemReader(self._session, quote(library_id, safe=""), page_size=page_size, known={}, on_progress=None)
        page = 0
        while newest is None or page * reader.page_size < newest:
            rows, total = reader.page(page, newest_first=True)
            for row in rows:
                if _same_path(relative_path(row)) == wanted and row.get("isMissing") is not True:
                    return self.get_item(item_id(row))
            page += 1
            if not rows or page * reader.page_size >= total:
                break
        return None

    def search_catalogue(self, source: str, *, title: str, author: str = "") -> list[Mapping[str, Any]]:
        """What a catalogue that the server is connected to answers, as the server passes it on.

        `source`: audible (or audible.de, ...), google, itunes, openlibrary, fantlab, custom-<id>. Audible takes an ASIN
        as the title.
        """
        question = {"provider": source, "title": title, "author": author}
        rows = self._session.call("GET", "/api/search/books", params=question).json()
        if not isinstance(rows, list):
            raise not_audiobookshelf("books")
        return mappings(rows)

    # --- Scanning -----------------------------------------------------------------------------------------------------

    def scan(self, library_id: str) -> bool:
        """Ask for a scan, which needs an administrator; it runs on after the answer.

        False when one was running already: the server ignores the request then, and that scan may have passed the new
        files by. Wait for it, and ask again.
        """
        running = self._is_scanning(library_id)
        self._last_scans[library_id] = self._library_now(library_id).last_scan
        self._order(f"/api/libraries/{quote(library_id, safe='')}/scan", {}, "scan a library")
        return not running

    def wait_for_scan(
        self, library_id: str, *, timeout: float = 600.0, sleep: Callable[[float], None] = time.sleep
    ) -> bool:
        """Whether the scan ended within `timeout` seconds: the one that `scan` asked for, else any that runs."""
        until = self._clock() + timeout
        asked = library_id in self._last_scans
        before = self._last_scans.get(library_id)
        began, quiet = not asked, 0
        while True:
            if self._is_scanning(library_id):
                began, quiet = True, 0
            elif began or self._library_now(library_id).last_scan != before or quiet >= QUIET_POLLS:
                self._last_scans.pop(library_id, None)
                return True
            else:
                quiet += 1
            if self._clock() + POLL_SECONDS > until:
                return False
            sleep(POLL_SECONDS)

    def watcher_update(self, library_id: str, path: str) -> None:
        """Tell of one new file or folder, by its absolute path as the server sees it. Needs an administrator.

        Without effect (and without an error) where the watcher of the server or the library is off; then `scan`.
        """
        body = {"libraryId": library_id, "path": path, "type": "add"}
        self._order("/api/watcher/update", body, "tell Audiobookshelf of new files")

    def _order(self, path: str, body: Mapping[str, Any], deed: str) -> None:
        answer = self._session.call("POST", path, json=body, accept=(200, 403, 404))
        if answer.status == 403:
            raise Rejected(
                f"This user may not {deed}. Use an API key of an administrator of {SERVICE}, or let its watcher find "
                "new books.",
                service=SERVICE,
                code="permission_refused",
                http_status=403,
            )
        if answer.status == 404:
            raise no_such_library()

    def _is_scanning(self, library_id: str) -> bool:
        tasks = mapping(self._session.call("GET", "/api/tasks", attempts=3).json()).get("tasks")
        return any(
            task.get("action") == "library-scan"
            and task.get("isFinished") is not True
            and mapping(task.get("data")).get("libraryId") == library_id
            for task in mappings(tasks)
        )

    def _library_now(self, library_id: str) -> AbsLibrary:
        answer = self._session.call(
            "GET", f"/api/libraries/{quote(library_id, safe='')}", accept=(200, 404), attempts=3
        )
        if answer.status == 404:
            raise no_such_library()
        shape = mapping(answer.json())
        return _library(mapping(shape.get("library")) or shape)


def _same_path(path: str) -> str:
    """A path to compare by: file systems differ in how they compose accents."""
    return unicodedata.normalize("NFC", path)


def _library(row: Mapping[str, Any]) -> AbsLibrary:
    identity = text(row.get("id"))
    if not identity:
        raise not_audiobookshelf("libraries")
    return AbsLibrary(
        id=identity,
        name=text(row.get("name")) or identity,
        folders=tuple(filter(None, values_of(row.get("folders"), "fullPath"))),
        last_scan=moment_of_ms(row.get("lastScan")),
        watches_folders=mapping(row.get("settings")).get("disableWatcher") is not True,
    )


def _user(shape: Mapping[str, Any]) -> AbsUser:
    identity = text(shape.get("id"))
    if not identity:
        raise not_audiobookshelf("users")
    permissions = {
        name: allowed
        for name, value in mapping(shape.get("permissions")).items()
        if (allowed := boolean(value)) is not None
    }
    return AbsUser(identity, text(shape.get("username")), text(shape.get("type")), permissions)


def _version_warnings(version: str) -> Iterator[str]:
    if not version:
        yield "The server does not say its version, so it is very old. Update Audiobookshelf if something fails."
    elif version_numbers(version) < FIRST_WITH_API_KEYS:
        yield f"Audiobookshelf {version} has no API keys yet (they came with 2.26); the old user token is used."


def _user_warnings(user: AbsUser, libraries: list[AbsLibrary]) -> Iterator[str]:
    if not libraries:
        yield "There is no library of books that this user may see."
    if not user.may_scan:
        blind = [library.name for library in libraries if not library.watches_folders]
        where = f" Its watcher is off for: {', '.join(blind)}." if blind else ""
        yield (
            f"“{user.name}” is no administrator and cannot start scans, so new books appear only when the watcher of "
            f"Audiobookshelf finds them.{where} An API key of an administrator avoids this."
        )
    hidden = [
        words
        for name, words in (
            ("accessExplicitContent", "explicit books"),
            ("accessAllTags", "books with some tags"),
            ("accessAllLibraries", "some libraries"),
        )
        if user.permissions.get(name) is False
    ]
    if hidden:
        yield f"Audiobookshelf hides {', '.join(hidden)} from “{user.name}”; they would be reported as missing."
