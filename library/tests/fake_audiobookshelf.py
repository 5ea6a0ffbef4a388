"""A fake Audiobookshelf that answers over real HTTP, as a recorded 2.36.0 does.

    python -m library.tests.fake_audiobookshelf --port 13378 --items 100000
    python -m library.tests.fake_audiobookshelf --port 13378 --folder /path/to/books
    python -m library.tests.fake_audiobookshelf --port 13378 --recordings /path/to/recordings/audiobookshelf

It knows an API key (`API_KEY`, of the user root), a key of a user who is no administrator (`LIMITED_KEY`), and the
user name `root` with the password `PASSWORD`.
"""

import argparse
import itertools
import json
import threading
import time
from pathlib import Path
from typing import Any

from library.tests.fake_audiobookshelf_items import (
    FOLDER_ID,
    LIBRARY_ID,
    START_MS,
    FolderItems,
    Items,
    ListedItems,
    RecordedItems,
    SyntheticItems,
)
from library.tests.fake_http import FakeServer, Reply, Request

API_KEY = "fake-api-key-of-root"
LIMITED_KEY = "fake-api-key-of-a-reader"
PASSWORD = "sample-password"
OLD_TOKEN = "old-token-of-root"
PERMISSIONS = ("download", "update", "delete", "upload", "createEreader", "accessAllLibraries", "accessAllTags")


class FakeAudiobookshelf(FakeServer):
    """`items`, `folder` or `recordings` say what is in its one library of books; nothing: an empty one.

    Switches: `faults` (see fake_http), `version`, `is_initialised`, `forbidden` (ids that this user may not read),
    `sign_ins_left` (then 429), `access_uses` (an access token is good for so many calls), `scan_seconds`,
    `has_watcher`, `found_books` (what its own search of providers answers).
    """

    def __init__(
        self,
        *,
        items: int = 0,
        folder: Path | None = None,
        recordings: Path | None = None,
        version: str = "2.36.0",
        prefix: str = "",
        scan_seconds: float = 0.1,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        super().__init__(host=host, port=port)
        self.items: Items = ListedItems([])
        if recordings:
            self.items = RecordedItems(recordings)
        elif folder:
            self.items = FolderItems(folder)
        elif items:
            self.items = SyntheticItems(items)
        self.version = version
        self.prefix = prefix
        self.folder_path = "/audiobooks"
        self.is_initialised = True
        self.forbidden: set[str] = set()
        self.sign_ins_left = 40
        self.access_uses: int | None = None
        self.scan_seconds = scan_seconds
        self.has_watcher = True
        self.found_books: list[dict[str, Any]] = []
        self.last_scan: int | None = START_MS + 10_571
        self.scans = 0
        self._scanning = False
        self._numbers = itertools.count(1)
        self._access: dict[str, int | None] = {}
        self._refresh: set[str] = set()
        self._recorded = _recorded_answers(recordings) if recordings else {}

    # --- Doors --------------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        path = request.path
        if self.prefix:
            if not path.startswith(self.prefix):
                return _no_page(request)
            path = path.removeprefix(self.prefix)
        if path == "/status":
            return Reply(self._status())
        if path == "/ping":
            return Reply({"success": True})
        if path == "/login" and request.method == "POST":
            return self._login(request)
        if path == "/auth/refresh" and request.method == "POST" and self._has_refresh():
            return self._refreshed(request)
        if not path.startswith("/api/"):
            return _no_page(request)
        user = self._user_of(request)
        if user is None:
            return Reply("Unauthorized", 401)
        return self._api(request, path.removeprefix("/api/").split("/"), user)

    def _api(self, request: Request, parts: list[str], user: dict[str, Any]) -> Reply:
        is_admin = user["type"] == "root"
        match request.method, parts:
            case "POST", ["authorize"]:
                return Reply({"user": user, "userDefaultLibraryId": LIBRARY_ID, "serverSettings": self._settings()})
            case "GET", ["me"]:
                return Reply(user)
            case "GET", ["tasks"]:
                return Reply({"tasks": [self._task()] if self._scanning else []})
            case "GET", ["libraries"]:
                return Reply({"libraries": [self._library(), self._podcasts()]})
            case _, ["libraries", library, *_] if library != LIBRARY_ID:
                return Reply("Library not found", 404)
            case "GET", ["libraries", _]:
                return Reply(self._library())
            case _, ["libraries", library, *_] if library in self.forbidden:
                return Reply("Forbidden", 403)
            case "GET", ["libraries", _, "items"]:
                return self._listing(request)
            case "POST", ["libraries", _, "scan"]:
                return self._scan() if is_admin else Reply("Forbidden", 403)
            case "POST", ["watcher", "update"]:
                return self._watch(request) if is_admin else Reply("Forbidden", 403)
            case "POST", ["items", "batch", "get"]:
                return self._batch(request)
            case "GET", ["items", identity]:
                return self._item(identity)
            case "GET", ["search", "books"]:
                return Reply(self.found_books)
        return self._recorded.get(request.path) or _no_page(request)

    # --- Who ----------------------------------------------------------------------------------------------------------

    def _status(self) -> dict[str, Any]:
        shape = {"isInit": self.is_initialised, "language": "en-us", "authMethods": ["local"]}
        if self._numbers_of_version() >= (2, 4):
            shape |= {"app": "audiobookshelf", "serverVersion": self.version}
        return shape if self.is_initialised else {**shape, "ConfigPath": "/config", "MetadataPath": "/metadata"}

    def _numbers_of_version(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.version.split(".")[:2])

    def _has_refresh(self) -> bool:
        return self._numbers_of_version() >= (2, 26)

    def _settings(self) -> dict[str, Any]:
        return {"id": "server-settings", "version": self.version, "scannerDisableWatcher": not self.has_watcher}

    def _user(self, kind: str = "root") -> dict[str, Any]:
        allowed = kind == "root"
        return {
            "id": "dcaaf207-8ad1-4565-9f88-dfa733ba5d54" if allowed else "e9854fc2-8526-4390-b161-f0b7c8fd28c8",
            "username": "root" if allowed else "reader",
            "email": None,
            "type": kind,
            "token": OLD_TOKEN,
            "isActive": True,
            "isLocked": False,
            "permissions": {
                **{name: allowed or name.startswith(("access", "download")) for name in PERMISSIONS},
                "accessExplicitContent": allowed,
                "selectedTagsNotAccessible": False,
            },
            "librariesAccessible": [],
            "itemTagsSelected": [],
        }

    def _user_of(self, request: Request) -> dict[str, Any] | None:
        token = (request.headers.get("Authorization") or "").removeprefix("Bearer ") or request.query.get("token", "")
        if token == LIMITED_KEY:
            return self._user("user")
        if token in (API_KEY, OLD_TOKEN):
            return self._user()
        with self.lock:
            left = self._access.get(token, 0)
            if left is None:
                return self._user()
            if left > 0:
                self._access[token] = left - 1
                return self._user()
        return None

    def _limited(self) -> Reply | None:
        self.sign_ins_left -= 1
        if self.sign_ins_left >= 0:
            return None
        headers = {"Retry-After": "600", "RateLimit-Limit": "40", "RateLimit-Remaining": "0"}
        return Reply({"error": "Too many authentication requests"}, 429, headers)

    def _login(self, request: Request) -> Reply:
        if limited := self._limited():
            return limited
        try:
            said = request.json
        except ValueError:
            return Reply("<!DOCTYPE html><pre>SyntaxError: Unexpected token</pre>", 400)
        if not isinstance(said, dict) or "username" not in said:
            return Reply("Bad Request", 400)
        if str(said["username"]).lower() != "root" or said.get("password") != PASSWORD:
            return Reply("Unauthorized", 401)
        return self._signed_in(request.headers.get("x-return-tokens") == "true")

    def _refreshed(self, request: Request) -> Reply:
        if limited := self._limited():
            return limited
        token = request.headers.get("x-refresh-token")
        if not token:
            return Reply({"error": "No refresh token provided"}, 401)
        with self.lock:
            if token not in self._refresh:
                return Reply({"error": "Invalid refresh token"}, 401)
            self._refresh.discard(token)
        return self._signed_in(True)

    def _signed_in(self, give_refresh: bool) -> Reply:
        user = self._user()
        if self._has_refresh():
            number = next(self._numbers)
            access, refresh = f"access-token-{number}", f"refresh-token-{number}"
            self._access[access] = self.access_uses
            self._refresh.add(refresh)
            user |= {"accessToken": access, "refreshToken": refresh if give_refresh else None}
        return Reply({"user": user, "userDefaultLibraryId": LIBRARY_ID, "serverSettings": self._settings()})

    def forget_refresh_tokens(self) -> None:
        """As after a restart with new secrets: the refresh tokens that were given are worth nothing."""
        self._refresh.clear()

    # --- Libraries and items ------------------------------------------------------------------------------------------

    def _library(self) -> dict[str, Any]:
        folder = {"id": FOLDER_ID, "fullPath": self.folder_path, "libraryId": LIBRARY_ID, "addedAt": START_MS}
        return {
            "id": LIBRARY_ID,
            "name": "Sample",
            "folders": [folder],
            "displayOrder": 1,
            "icon": "audiobookshelf",
            "mediaType": "book",
            "provider": "audible",
            "settings": {"disableWatcher": not self.has_watcher, "audiobooksOnly": False},
            "lastScan": self.last_scan,
            "lastScanVersion": self.version,
            "createdAt": START_MS,
            "lastUpdate": self.last_scan or START_MS,
        }

    def _podcasts(self) -> dict[str, Any]:
        return {"id": "0c3b0bd4-0000-4000-8000-000000000002", "name": "Podcasts", "folders": [], "mediaType": "podcast"}

    def _listing(self, request: Request) -> Reply:
        limit, page = _number(request.query.get("limit")), _number(request.query.get("page"))
        if limit < 0 or page < 0:
            return Reply("Invalid request. limit must be a positive integer", 400)
        with self.lock:
            total = self.items.count()
            size = limit or total
            start, stop = page * size, page * size + size
            if request.query.get("desc") == "1":
                rows = self.items.rows(max(0, total - stop), max(0, total - start))[::-1]
            else:
                rows = self.items.rows(start, stop)
        return Reply(
            {
                "results": rows,
                "total": total,
                "limit": limit,
                "page": page,
                "sortBy": request.query.get("sort"),
                "sortDesc": request.query.get("desc") == "1",
                "mediaType": "book",
                "minified": request.query.get("minified") == "1",
                "collapseseries": False,
                "include": "",
                "offset": start,
            }
        )

    def _batch(self, request: Request) -> Reply:
        wanted = request.json.get("libraryItemIds") if isinstance(request.json, dict) else None
        if not wanted:
            return Reply("Invalid payload", 403)
        if self.forbidden.intersection(wanted):
            return Reply("Forbidden", 403)
        with self.lock:
            found = [item for one in wanted if (item := self.items.expanded(one))]
            return Reply({"libraryItems": json.loads(json.dumps(found))})

    def _item(self, identity: str) -> Reply:
        if identity in self.forbidden:
            return Reply("Forbidden", 403)
        item = self.items.expanded(identity)
        return Reply(item) if item else Reply("Not Found", 404)

    # --- Scans --------------------------------------------------------------------------------------------------------

    def _task(self) -> dict[str, Any]:
        data = {"libraryId": LIBRARY_ID, "libraryName": "Sample", "libraryMediaType": "book"}
        return {"id": "1", "action": "library-scan", "data": data, "isFailed": False, "isFinished": False}

    def _scan(self) -> Reply:
        with self.lock:
            if not self._scanning:
                self._scanning = True
                timer = threading.Timer(self.scan_seconds, self.finish_scan)
                timer.daemon = True
                timer.start()
        return Reply("OK", content_type="text/plain; charset=utf-8")

    def finish_scan(self) -> None:
        """End the scan that runs, if one does, at once."""
        with self.lock:
            if not self._scanning:
                return
            now = max(time.time_ns() // 1_000_000, (self.last_scan or 0) + 1)
            self.items.scan(now)
            self.last_scan = now
            self.scans += 1
            self._scanning = False

    def _watch(self, request: Request) -> Reply:
        said = request.json
        if not isinstance(said, dict) or said.get("type") not in ("add", "unlink", "rename"):
            return Reply("Bad Request", 400)
        if self.has_watcher:
            with self.lock:
                self.items.scan(time.time_ns() // 1_000_000)
        return Reply("OK", content_type="text/plain; charset=utf-8")


def _number(value: str | None) -> int:
    """As the server does: what is no number counts as nothing."""
    try:
        return int(value or 0)
    except ValueError:
        return 0


def _no_page(request: Request) -> Reply:
    words = f"Cannot {request.method} {request.path}"
    return Reply(f'<!DOCTYPE html>\n<html lang="en">\n<body>\n<pre>{words}</pre>\n</body>\n</html>\n', 404)


def _recorded_answers(folder: Path) -> dict[str, Reply]:
    """What was recorded for plain GETs with an API key, by path without a query."""
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    return {
        row["path"]: Reply(json.loads((folder / row["file"]).read_text(encoding="utf-8")), row["status"])
        for row in index["recordings"]
        if row["method"] == "GET" and row["auth"] == "api key" and "?" not in row["path"] and row["status"] == 200
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="A fake Audiobookshelf.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=13378)
    parser.add_argument("--items", type=int, default=0, help="so many invented books")
    parser.add_argument("--folder", type=Path, help="books from this folder; a scan looks again")
    parser.add_argument("--recordings", type=Path, help="the recorded library")
    parser.add_argument("--scan-seconds", type=float, default=1.0)
    given = parser.parse_args()
    for place in filter(None, (given.folder, given.recordings)):
        if not place.is_dir():
            parser.error(f"There is no folder {place}.")
    server = FakeAudiobookshelf(
        items=given.items,
        folder=given.folder,
        recordings=given.recordings,
        scan_seconds=given.scan_seconds,
        host=given.host,
        port=given.port,
    )
    with server:
        print(f"{server.url} with {server.items.count()} items; API key {API_KEY}; user root, {PASSWORD}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("Stopped.")


if __name__ == "__main__":
    main()
